/* LiteRT.js: on the CPU its build with threads and relaxed SIMD; on a GPU the one with JSPI, which excludes threads. */
import { channelsLast } from './shared.js';
import { Tensor, loadAndCompile, loadLiteRt } from './npm/@litertjs/core/dist/index.js';

let runtime;

/** What the model takes: 32-bit integers, and images with the channels last. */
function converted(tensor, { dtype, shape }) {
  if (dtype === 'int32') {
    return Int32Array.from(tensor.data, Number);
  }
  const moved = tensor.dims.length === 4 && shape[1] !== tensor.dims[1];
  return moved ? channelsLast(tensor).data : tensor.data;
}

export async function load(model, { threads, device }) {
  runtime ??= loadLiteRt(new URL('./npm/@litertjs/core/wasm/', import.meta.url).href, {
    threads: device === 'wasm',
    jspi: device === 'webgpu',
  });
  await runtime;
  const loaded = await loadAndCompile(model.tflite, {
    accelerator: device,
    ...(device === 'wasm' && { cpuOptions: { numThreads: threads } }),
  });
  const made = new WeakMap();
  const details = loaded.getInputDetails();
  return {
    async run(tensors) {
      let given = made.get(tensors);
      if (!given) {
        given = details.map((detail) => {
          const own = tensors[detail.name] ?? Object.values(tensors)[0];
          return { data: converted(own, detail), shape: [...detail.shape] };
        });
        made.set(tensors, given);
      }
      const inputs = given.map(({ data, shape }) => new Tensor(data, shape));
      const outputs = await loaded.run(inputs);
      const data = await outputs[0].data();
      [...inputs, ...outputs].forEach((tensor) => tensor.delete());
      return { y: { data } };
    },
    facts: () => ({ threads }),
    release: () => loaded.delete(),
  };
}
