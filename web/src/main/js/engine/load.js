import { EngineError } from './errors.js';

const file = (name) => new URL(`engine/${name}`, import.meta.url).href;

/** The editions in WebAssembly GC, see dev.quern.bridge.Edition. */
const EDITIONS = { core: 'engine.wasm', full: 'engine-full.wasm', gpu: 'engine-gpu.wasm' };

/** The TeaVM-compiled engine, WebAssembly GC. Both files are asked for at once, while the machine is being made. */
async function loadWasmGc(machineReady, edition) {
  const name = EDITIONS[edition];
  const bytes = fetch(file(name)).then((response) => {
    if (!response.ok) throw new Error(`${name}: status ${response.status}`);
    return response.arrayBuffer();
  });
  bytes.catch(() => {}); // awaited below
  const runtime = await import(file('engine.wasm-runtime.mjs'));
  const machine = await machineReady;
  const installImports = (target) => Object.assign(target, machine.imports);
  const code = new Uint8Array(await bytes);
  return (await machine.inRoom(() => runtime.load(code, { installImports }))).exports;
}

/** The engine as JavaScript, with all there is. */
const loadJs = () => import(file('engine.mjs'));

/**
 * JavaScriptCore's concurrent collector loses objects of WasmGC (WebKitGTK 2.50: one load in six of the full engine ended the page;
 * none with that collector off, none with the engine in JavaScript, which loads as fast there).
 */
const auto = ({ wasmGc, family }) => (wasmGc && family !== 'jsc' ? ['wasmgc', 'js'] : ['js']);

/**
 * Loads and starts the engine. `wanted` is auto, wasmgc or js; auto takes WasmGC where it is
 * offered and sound, and falls back to JavaScript where it fails to load. The edition `full` has every
 * operator and the reference device, `gpu` writes shaders besides; `core` is smaller and says `incomplete` of a
 * model that holds more. JavaScript is always `gpu`.
 */
export async function loadEngine(machineReady, features, wanted, edition) {
  const kinds = wanted === 'auto' ? auto(features) : [wanted];
  const reasons = [];
  for (const kind of kinds) {
    try {
      const loading = kind === 'js' ? loadJs() : loadWasmGc(machineReady, edition);
      const { start, Engine, GpuCalls } = await loading;
      start((await machineReady).host);
      return { engine: Engine, gpuCalls: GpuCalls ?? null, kind };
    } catch (error) {
      if (error instanceof EngineError) throw error; // of threads or memory
      reasons.push(`${kind}: ${error?.message ?? error}`);
    }
  }
  throw new EngineError(
    'engine',
    `The engine did not load (${reasons.join('; ')}); reload the page.`,
  );
}
