/*
 * TensorFlow.js on its WebAssembly backend, with SIMD and as many threads as it can be told to use, or on WebGPU. Matmul and MiniLM are written with its
 * operators, fused where it has fused ones; MobileNetV2 is its own graph model.
 */
import { channelsLast, weights } from './shared.js';

const NPM = new URL('./npm/@tensorflow/', import.meta.url).href;
const LAYERS = 6;
const HEADS = 12;
const WIDTH = 384;

function script(url) {
  return new Promise((resolve, reject) => {
    const element = document.createElement('script');
    element.src = url;
    element.onload = resolve;
    element.onerror = () => reject(new Error(`${url} could not be loaded`));
    document.head.append(element);
  });
}

/**
 * It takes at most half as many threads as the browser names processors, whatever it is told: so it is told that there are twice as many as
 * it should use. Without that it would run one thread on a machine of two.
 */
async function start(threads, device) {
  Object.defineProperty(navigator, 'hardwareConcurrency', { value: 2 * threads });
  await script(`${NPM}tfjs/dist/tf.es2017.min.js`);
  await script(`${NPM}tfjs-backend-${device}/dist/tf-backend-${device}.es2017.min.js`);
  const { tf } = window;
  if (device === 'wasm') {
    tf.wasm.setThreadsCount(threads);
    tf.wasm.setWasmPaths(`${NPM}tfjs-backend-wasm/dist/`);
  }
  if (!(await tf.setBackend(device))) {
    throw new Error(`the ${device} backend did not start`);
  }
  tf.enableProdMode();
  return tf;
}

async function constants(tf, url) {
  const all = await weights(url);
  return Object.fromEntries(
    Object.entries(all).map(([name, { dims, data }]) => [name, tf.tensor(data, dims, 'float32')]),
  );
}

/** y = x · w. */
async function matmul(tf, { weights: url }) {
  const { w } = await constants(tf, url);
  return ({ x }) => tf.matMul(tf.tensor(x.data, x.dims, 'float32'), w);
}

/** last_hidden_state [batch, length, 384]. */
async function minilm(tf, { weights: url }) {
  const given = await constants(tf, url);
  const dense = (a, name) =>
    tf.fused.matMul({ a, b: given[`${name}.weight`], bias: given[`${name}.bias`] });
  const norm = (x, name) => {
    const centred = x.sub(x.mean(-1, true));
    const variance = centred.square().mean(-1, true);
    const scale = variance.add(1e-12).rsqrt().mul(given[`${name}.weight`]);
    return centred.mul(scale).add(given[`${name}.bias`]);
  };
  const gelu = (x) => x.mul(x.mul(Math.SQRT1_2).erf().add(1).mul(0.5));
  return ({ input_ids: ids, attention_mask: mask, token_type_ids: types }) => {
    const [batch, length] = ids.dims;
    const integers = ({ data }) => tf.tensor1d(Int32Array.from(data, Number), 'int32');
    const heads = (x) => x.reshape([batch, length, HEADS, WIDTH / HEADS]).transpose([0, 2, 1, 3]);
    const bias = integers(mask).toFloat().sub(1).mul(1e9).reshape([batch, 1, 1, length]);
    let x = given['embeddings.word_embeddings.weight'].gather(integers(ids));
    x = x.add(given['embeddings.token_type_embeddings.weight'].gather(integers(types)));
    const places = given['embeddings.position_embeddings.weight'].slice(0, length);
    x = x.reshape([batch, length, WIDTH]).add(places).reshape([batch * length, WIDTH]);
    x = norm(x, 'embeddings.LayerNorm');
    for (let i = 0; i < LAYERS; i++) {
      const layer = `encoder.layer.${i}`;
      const [q, k, v] = ['query', 'key', 'value'].map((part) =>
        heads(dense(x, `${layer}.attention.self.${part}`)),
      );
      const scores = tf.matMul(q, k, false, true).mul(Math.sqrt(HEADS / WIDTH)).add(bias);
      const mixed = tf.matMul(tf.softmax(scores), v).transpose([0, 2, 1, 3]);
      const attended = dense(mixed.reshape([batch * length, WIDTH]), `${layer}.attention.output.dense`);
      x = norm(attended.add(x), `${layer}.attention.output.LayerNorm`);
      const inner = gelu(dense(x, `${layer}.intermediate.dense`));
      x = norm(dense(inner, `${layer}.output.dense`).add(x), `${layer}.output.LayerNorm`);
    }
    return x.reshape([batch, length, WIDTH]);
  };
}

/** The graph model as TensorFlow.js publishes it; its images are [batch, height, width, channels]. */
async function mobilenet(tf, { weights: url }) {
  const [{ modelTopology, weightsManifest, format }, weightData] = await Promise.all([
    fetch(`${url}.json`).then((response) => response.json()),
    fetch(url).then((response) => response.arrayBuffer()),
  ]);
  const weightSpecs = weightsManifest.flatMap((group) => group.weights);
  const graph = await tf.loadGraphModel({
    load: async () => ({ modelTopology, weightSpecs, weightData, format }),
  });
  const made = new WeakMap();
  return (tensors) => {
    let image = made.get(tensors);
    if (!image) {
      image = channelsLast(tensors.image);
      made.set(tensors, image);
    }
    return graph.predict(tf.tensor(image.data, image.dims, 'float32'));
  };
}

const MODELS = { matmul, minilm, mobilenet };

export async function load(model, { threads, device }) {
  const tf = window.tf ?? (await start(threads, device));
  const compute = await MODELS[model.kind](tf, model);
  return {
    async run(tensors) {
      const y = tf.tidy(() => compute(tensors));
      const data = await y.data();
      y.dispose();
      return { y: { data } };
    },
    facts: () => ({
      version: tf.version.tfjs,
      ...(device === 'wasm' && { threads: tf.wasm.getThreadsCount() }),
    }),
  };
}
