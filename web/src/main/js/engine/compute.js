// A compute thread: an instance of every generated module on the session's shared memory, and no
// engine. It waits inside Wasm for work, and leaves Wasm only to install another module.

// dev.quern.runtime.Control
const ERROR = 260;
const ACKNOWLEDGED = 272;
const TABLE_SIZE = 1024;
const TRAPPED = 4;

let words;
let imports;
let thread;
let walker;

function failed(error) {
  Atomics.store(words, ERROR / 4, TRAPPED);
  postMessage({ trap: String(error?.message ?? error) });
}

onmessage = ({ data }) => {
  if (data.memory) {
    const { memory } = data;
    words = new Int32Array(memory.buffer, 0, 128);
    thread = data.thread;
    const table = new WebAssembly.Table({ initial: TABLE_SIZE, element: 'anyfunc' });
    // Each worker's clock has its own origin; a step's times come from several workers.
    const shift = performance.timeOrigin - data.origin;
    imports = { env: { memory, table, now: () => performance.now() + shift } };
    postMessage({ ready: thread });
    return;
  }
  try {
    const { exports } = new WebAssembly.Instance(data.install, imports);
    if (exports.work) walker = exports;
  } catch (error) {
    failed(error);
  }
  Atomics.add(words, ACKNOWLEDGED / 4, 1);
  Atomics.notify(words, ACKNOWLEDGED / 4);
  if (walker) {
    try {
      walker.work(thread);
    } catch (error) {
      failed(error);
    }
  }
};
