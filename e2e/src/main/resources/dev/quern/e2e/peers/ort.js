/*
 * ONNX Runtime Web on the page's own thread, which is the fastest way to use it: its CPU build with SIMD and threads, or the one for WebGPU.
 */
const BUILDS = {
  wasm: './npm/onnxruntime-web/dist/ort.wasm.min.mjs',
  webgpu: './npm/onnxruntime-web/dist/ort.webgpu.min.mjs',
};

const TYPES = { f32: 'float32', i64: 'int64', i32: 'int32', i8: 'int8', u8: 'uint8' };

export async function load(model, { threads, device }) {
  const ort = await import(BUILDS[device]);
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = new URL('./npm/onnxruntime-web/dist/', import.meta.url).href;
  const session = await ort.InferenceSession.create(model.onnx, {
    executionProviders: [device],
    graphOptimizationLevel: 'all',
  });
  const made = new WeakMap();
  return {
    async run(tensors) {
      let feeds = made.get(tensors);
      if (!feeds) {
        feeds = {};
        for (const [name, { type, data, dims }] of Object.entries(tensors)) {
          feeds[name] = new ort.Tensor(TYPES[type], data, dims);
        }
        made.set(tensors, feeds);
      }
      return session.run(feeds);
    },
    facts: () => ({ version: ort.env.versions.web, threads: ort.env.wasm.numThreads }),
    release: () => session.release(),
  };
}
