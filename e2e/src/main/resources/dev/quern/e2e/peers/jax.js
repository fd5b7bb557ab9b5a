/* jax-js on its WebAssembly or WebGPU backend: the whole model under jit, with the operators of its library. */
import { weights } from './shared.js';

const LAYERS = 6;
const HEADS = 12;
const WIDTH = 384;

/** Its worker pool has as many workers as this says when the library is loaded. */
async function start(threads, device) {
  Object.defineProperty(navigator, 'hardwareConcurrency', { value: threads });
  const jax = await import('./npm/@jax-js/jax/dist/index.js');
  await jax.init(device);
  jax.defaultDevice(device);
  return jax;
}

function matmul({ numpy: np }) {
  return (given, { x }) => np.matmul(x, given.w);
}

/** last_hidden_state [batch, length, 384]; each use of an array but its last one takes a reference. */
function minilm({ numpy: np, nn, lax }) {
  return (given, { ids, types, mask }) => {
    const [batch, length] = ids.shape;
    const dense = (x, name) => np.matmul(x, given[`${name}.weight`]).add(given[`${name}.bias`]);
    const norm = (x, name) =>
      nn
        .standardize(x, -1, { epsilon: 1e-12 })
        .mul(given[`${name}.weight`])
        .add(given[`${name}.bias`]);
    const gelu = (x) => x.ref.mul(lax.erf(x.mul(Math.SQRT1_2)).add(1).mul(0.5));
    const heads = (x) => x.reshape([batch, length, HEADS, WIDTH / HEADS]);
    const bias = mask.sub(1).mul(1e9).reshape([batch, 1, 1, length]);
    let x = np.take(given['embeddings.word_embeddings.weight'], ids, 0);
    x = x.add(np.take(given['embeddings.token_type_embeddings.weight'], types, 0));
    x = x.add(given['embeddings.position_embeddings.weight'].slice([0, length]));
    x = norm(x.reshape([batch * length, WIDTH]), 'embeddings.LayerNorm');
    for (let i = 0; i < LAYERS; i++) {
      const layer = `encoder.layer.${i}`;
      const [q, k, v] = ['query', 'key', 'value'].map((part) =>
        heads(dense(x.ref, `${layer}.attention.self.${part}`)),
      );
      const mixed = nn.dotProductAttention(q, k, v, { bias: bias.ref });
      const attended = dense(mixed.reshape([batch * length, WIDTH]), `${layer}.attention.output.dense`);
      x = norm(attended.add(x), `${layer}.attention.output.LayerNorm`);
      const inner = gelu(dense(x.ref, `${layer}.intermediate.dense`));
      x = norm(dense(inner, `${layer}.output.dense`).add(x), `${layer}.output.LayerNorm`);
    }
    bias.dispose();
    return x.reshape([batch, length, WIDTH]);
  };
}

const MODELS = { matmul, minilm };

/** The arrays of a run, made from the page's tensors. */
const INPUTS = {
  matmul: (np, { x }) => ({ x: np.array(x.data).reshape(x.dims) }),
  minilm: (np, { input_ids: ids, token_type_ids: types, attention_mask: mask }) => ({
    ids: np.array(Int32Array.from(ids.data, Number)).reshape(ids.dims),
    types: np.array(Int32Array.from(types.data, Number)).reshape(types.dims),
    mask: np.array(Float32Array.from(mask.data, Number)).reshape(mask.dims),
  }),
};

let jax;

export async function load(model, { threads, device }) {
  jax ??= await start(threads, device);
  const { numpy: np, jit, tree } = jax;
  const given = {};
  for (const [name, { dims, data }] of Object.entries(await weights(model.weights))) {
    given[name] = np.array(data).reshape(dims);
  }
  const compute = jit(MODELS[model.kind](jax));
  return {
    async run(tensors) {
      const y = compute(tree.ref(given), INPUTS[model.kind](np, tensors));
      return { y: { data: await y.data() } };
    },
    facts: () => ({ threads: navigator.hardwareConcurrency }),
    release: () => tree.dispose(given),
  };
}
