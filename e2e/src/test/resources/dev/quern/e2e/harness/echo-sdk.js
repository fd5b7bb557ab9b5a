/* Stands in for the SDK in the harness's own test: a session answers its inputs, and texts become their lengths. */
export class Tensor {
  constructor(type, data, dims) {
    Object.assign(this, { type, data, dims });
  }
}

export class Session extends EventTarget {
  inputs = [];
  outputs = [];
  device = 'reference';
  threads = 1;
  capabilities = {};
  phases = { download: 1 };

  static async create(model, options) {
    if (model === 'broken') {
      const error = new Error('The model is broken.');
      throw Object.assign(error, { code: 'model', problems: ['node a', 'node b'] });
    }
    options.onProgress({ phase: 'download', loaded: 1, total: 2 });
    return new Session();
  }

  async run(inputs) {
    const detail = { milliseconds: 2, flops: 4e6, shape: '1x1', first: true };
    this.dispatchEvent(new CustomEvent('latency', { detail }));
    return inputs;
  }

  async describe() {
    return { schedules: [], peakGflops: null, memoryBytes: 0 };
  }

  async release() {
    globalThis.released = (globalThis.released ?? 0) + 1;
  }
}

export async function pipeline(task, model, options) {
  const session = await Session.create(model, options);
  const extract = async (texts) => ({
    vectors: texts.map((text) => Float32Array.of(text.length, -0.5)),
    tokens: texts.map((text) => text.length),
    truncated: texts.map((text) => text.length > 3),
    width: 2,
    milliseconds: 1,
  });
  return Object.assign(extract, { session, release: () => session.release() });
}

export const capabilities = async () => ({ device: 'none' });
export const forget = async () => undefined;
