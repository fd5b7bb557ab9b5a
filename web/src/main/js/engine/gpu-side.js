import { EngineError } from './errors.js';
import { tensorOf } from './tensors.js';

/** Whether there is a GPU, for a page that asks without a session. */
export async function gpuFact() {
  if (!navigator.gpu) return { available: false, why: 'This browser does not offer WebGPU here.' };
  const { findGpu } = await import('./quern-gpu.js');
  const { adapter, facts, why } = await findGpu();
  return { available: Boolean(adapter), why, ...facts };
}

/**
 * The GPU of a session that wants one: it is looked for while the model is on its way, made ready for a run's sizes while the CPU
 * answers, and left for good when anything fails; no request is lost by that.
 */
export class GpuSide {
  /** `tell` hears of the device's facts, whenever they change: {available, why, …}. */
  constructor(tell) {
    this.tell = tell;
    this.model = null;
    this.finding = this.find();
  }

  async find() {
    try {
      const { findGpu, GpuModel } = await import('./quern-gpu.js');
      const found = await findGpu();
      if (!found.adapter) {
        this.leave(found.why);
        return false;
      }
      this.model = await GpuModel.open(found);
      this.tell({ available: true, why: found.why, ...this.model.facts });
      return true;
    } catch (error) {
      this.leave(String(error?.message ?? error));
      return false;
    }
  }

  /** Ends with the GPU: from now on the CPU answers. */
  leave(why) {
    this.model?.close();
    this.model = null;
    this.tell({ available: false, why });
  }

  /**
   * Takes the engine once it has loaded and made the model ready. `machine` holds the memory and runs the steps that stay on the CPU.
   */
  take(calls, machine) {
    if (!this.model) return;
    if (!calls) {
      this.leave('The engine in JavaScript writes no shaders.');
      return;
    }
    const call = (name, argument) => {
      const reply = JSON.parse(calls[name](JSON.stringify(argument)));
      if (reply.error) throw new EngineError(reply.error.code, reply.error.message);
      return reply;
    };
    const { memory, host } = machine;
    this.session = { call, memory, run: host.run };
    const { refused } = call('gpu', null);
    if (refused) this.leave(`The CPU runs this model: ${refused}.`);
  }

  /** The reply to a run, or null where the CPU has to answer. */
  async run({ described, views, outputs }) {
    const { model, session } = this;
    if (!model) return null;
    try {
      const program = model.ready(described, session);
      if (!program) return null;
      const start = performance.now();
      const first = !program.ran;
      program.ran = true;
      const taken = await model.run(program, { described, views, outputs, session });
      if (!taken) return null;
      const milliseconds = performance.now() - start;
      const tensors = {};
      for (const [name, { type, dims, bytes }] of Object.entries(taken)) {
        tensors[name] = tensorOf(type, dims, bytes);
      }
      const { shape, flops } = program;
      return { outputs: tensors, milliseconds, shape, first, flops, prepared: null };
    } catch (error) {
      // An input that does not fit is no fault of the GPU, and the CPU says so.
      if (error instanceof EngineError && error.code === 'input') return null;
      if (this.model) this.leave(`The GPU failed, and the CPU goes on: ${error?.message ?? error}`);
      return null;
    }
  }

  describe() {
    return this.model?.describe() ?? null;
  }

  close() {
    this.model?.close();
    this.model = null;
  }
}
