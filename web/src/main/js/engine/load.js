import { EngineError } from './errors.js';

const file = (name) => new URL(`engine/${name}`, import.meta.url).href;

/** The TeaVM-compiled engine, WebAssembly GC. Both files are asked for at once. */
async function loadWasmGc(machine) {
  const bytes = fetch(file('engine.wasm')).then((response) => {
    if (!response.ok) throw new Error(`engine.wasm: status ${response.status}`);
    return response.arrayBuffer();
  });
  bytes.catch(() => {}); // awaited below
  const runtime = await import(file('engine.wasm-runtime.mjs'));
  const installImports = (target) => Object.assign(target, machine.imports);
  return (await runtime.load(new Uint8Array(await bytes), { installImports })).exports;
}

/** The same engine as JavaScript. */
const loadJs = () => import(file('engine.mjs'));

/**
 * Loads and starts the engine. `wanted` is auto, wasmgc or js; auto takes WasmGC where it is
 * offered and falls back to JavaScript where it fails to load.
 */
export async function loadEngine(machine, features, wanted) {
  const kinds = wanted === 'auto' ? (features.wasmGc ? ['wasmgc', 'js'] : ['js']) : [wanted];
  const reasons = [];
  for (const kind of kinds) {
    try {
      const engine = await (kind === 'js' ? loadJs() : loadWasmGc(machine));
      engine.start(machine.host);
      return { engine, kind };
    } catch (error) {
      reasons.push(`${kind}: ${error?.message ?? error}`);
    }
  }
  throw new EngineError(
    'engine',
    `The engine did not load (${reasons.join('; ')}); reload the page.`,
  );
}
