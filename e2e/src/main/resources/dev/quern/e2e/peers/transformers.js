/* Transformers.js, which brings an ONNX Runtime Web of its own: the model by its name, without the tokenizer. */
import {
  AutoModel,
  Tensor,
  env,
} from './npm/@huggingface/transformers/dist/transformers.web.min.js';

const RUNTIME = new URL(
  './npm/@huggingface/transformers/node_modules/onnxruntime-web/dist/',
  import.meta.url,
).href;
const TYPES = { f32: 'float32', i64: 'int64' };

export async function load(model, { threads, device }) {
  env.allowLocalModels = true;
  env.allowRemoteModels = false;
  env.localModelPath = model.folder;
  env.useBrowserCache = false;
  env.useWasmCache = false;
  env.backends.onnx.wasm.numThreads = threads;
  env.backends.onnx.wasm.wasmPaths = RUNTIME;
  const loaded = await AutoModel.from_pretrained('all-MiniLM-L6-v2', {
    device,
    dtype: model.kind === 'minilm_int8' ? 'q8' : 'fp32',
  });
  const made = new WeakMap();
  return {
    async run(tensors) {
      let feeds = made.get(tensors);
      if (!feeds) {
        feeds = {};
        for (const [name, { type, data, dims }] of Object.entries(tensors)) {
          feeds[name] = new Tensor(TYPES[type], data, dims);
        }
        made.set(tensors, feeds);
      }
      const { last_hidden_state: y } = await loaded(feeds);
      return { y: { data: y.data } };
    },
    facts: () => ({ version: env.version, threads: env.backends.onnx.wasm.numThreads }),
    release: () => loaded.dispose(),
  };
}
