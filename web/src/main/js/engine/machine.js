import { EngineError } from './errors.js';
import { PAGE, accessTo, ensureMemory, whenThereIsRoom } from './memory.js';

// dev.quern.runtime.Control
const ERROR = 260;
const ACKNOWLEDGED = 272;
const INSTALLED = 104;
const TABLE_SIZE = 1024;
const TRAPPED = 4;

const WORKER_START_MILLISECONDS = 10_000;
const INSTALL_MILLISECONDS = 10_000;

/**
 * Starts the compute threads 1 … threads-1 and waits until each is up: a browser starts a nested
 * worker only while its parent is in its event loop, so this happens before the engine blocks.
 */
export async function startThreads(memory, threads, onTrap) {
  const workers = [];
  const ready = [];
  for (let thread = 1; thread < threads; thread++) {
    const worker = new Worker(new URL('quern-compute.js', import.meta.url), {
      type: 'module',
      name: `quern-compute-${thread}`,
    });
    workers.push(worker);
    ready.push(
      new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => (data.trap ? onTrap(data.trap) : resolve());
        worker.onerror = (event) => reject(new Error(event.message || 'its script did not load'));
      }),
    );
    worker.postMessage({ memory, thread, origin: performance.timeOrigin });
  }
  let timer;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error('it did not start in time')),
      WORKER_START_MILLISECONDS,
    );
  });
  try {
    await Promise.race([Promise.all(ready), timeout]);
    return workers;
  } catch (error) {
    for (const worker of workers) worker.terminate();
    throw new EngineError('engine', `A compute thread failed: ${error.message}.`);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * What the engine calls: the kernels' memory, the staging memory through which bytes cross between
 * Java and JavaScript, and the instances. Functions that can fail return -1 and keep the reason,
 * because an exception does not cross a plain Wasm import.
 */
export async function createMachine({ memory, shared, workers, features, scarce }) {
  const table = new WebAssembly.Table({ initial: TABLE_SIZE, element: 'anyfunc' });
  const now = () => performance.now();
  const env = { memory, table, now };
  const inRoom = (make) => whenThereIsRoom(make, scarce);
  const stage = await inRoom(() => new WebAssembly.Memory({ initial: 4, maximum: 65536 }));
  const words = () => new Int32Array(memory.buffer, 0, 128);
  const instances = [];
  let inputs = [];
  let walker = null;
  let walkerModule = null;
  let kernels = null;
  let failure = '';

  const attempt = (action) => {
    try {
      return action();
    } catch (error) {
      failure = String(error?.message ?? error);
      return -1;
    }
  };
  const staged = (length) => new Uint8Array(stage.buffer, 0, length);

  function shareWithThreads(module, parked) {
    const view = words();
    Atomics.store(view, ACKNOWLEDGED / 4, 0);
    for (const worker of workers) worker.postMessage({ install: module });
    if (parked) walker.leave();
    if (!walker.acknowledged(workers.length, INSTALL_MILLISECONDS)) {
      throw new Error('a compute thread did not take a new kernel in time');
    }
    if (Atomics.load(view, ERROR / 4) === TRAPPED) {
      throw new Error('a compute thread could not instantiate a kernel');
    }
  }

  const host = {
    now,
    pages: () => memory.buffer.byteLength / PAGE,
    ensure: (bytes) =>
      attempt(() => {
        ensureMemory(memory, bytes);
        return 0;
      }),
    ensureStage: (bytes) =>
      attempt(() => {
        ensureMemory(stage, bytes);
        return 0;
      }),
    /** Copies the bytes of an input of the run to the kernels' memory, or to the staging memory. */
    input: (index, to) => new Uint8Array(memory.buffer).set(inputs[index], to >>> 0),
    stageInput: (index) => {
      ensureMemory(stage, inputs[index].length);
      new Uint8Array(stage.buffer).set(inputs[index]);
    },
    validate: (length) => (WebAssembly.validate(staged(length)) ? 1 : 0),
    load: (length) =>
      attempt(() => {
        const { exports } = new WebAssembly.Instance(new WebAssembly.Module(staged(length)), {
          env,
        });
        return instances.push(exports) - 1;
      }),
    install: (length) =>
      attempt(() => {
        const module = new WebAssembly.Module(staged(length));
        const { exports } = new WebAssembly.Instance(module, { env });
        const parked = walker !== null;
        if (exports.run) [walker, walkerModule] = [exports, module];
        if (workers.length) shareWithThreads(module, parked);
        Atomics.add(words(), INSTALLED / 4, 1);
        return 0;
      }),
    share: (length) =>
      attempt(() => {
        kernels = new WebAssembly.Module(staged(length));
        return 0;
      }),
    run: (program, first, last) => attempt(() => walker.run(program, first, last)),
  };

  return {
    memory,
    stage,
    inRoom,
    /** The modules with which the page runs programs itself, and the count of installed ones that they stand for. */
    shared: () => ({
      modules: [walkerModule, kernels],
      installed: Atomics.load(words(), INSTALLED / 4),
    }),
    setInputs: (views) => {
      inputs = views;
    },
    /** For WasmGC: modules of imports with plain numbers. */
    imports: { memory: accessTo(memory, shared), stage: accessTo(stage, false), host },
    /** For both: what the engine's `start` takes. */
    host: {
      ...host,
      memory: accessTo(memory, shared),
      stage: accessTo(stage, false),
      relaxedSimd: features.relaxedSimd,
      shared,
      threads: workers.length + 1,
      failure: () => failure,
      /** Calls an export with `count` f64 arguments that lie in the staging memory. */
      call: (handle, name, count) =>
        Number(instances[handle][name](...new Float64Array(stage.buffer, 0, count)) ?? 0),
    },
  };
}
