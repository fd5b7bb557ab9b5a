import { disagreement } from './agreement.js';
import { Contest } from './contest.js';
import { EngineError } from './errors.js';
import { tensorOf } from './tensors.js';

/** Whether there is a GPU, for a page that asks without a session. */
export async function gpuFact() {
  if (!navigator.gpu) return { available: false, why: 'This browser does not offer WebGPU here.' };
  const { findGpu } = await import('./quern-gpu.js');
  const { adapter, facts, why } = await findGpu();
  return { available: Boolean(adapter), why, ...facts };
}

/** Of the contest, for runs that keep values: their sizes change each time. */
const KEEPING = 'keeping';

/** Whether a run is given all inputs, those that later ones find kept too. */
const begins = ({ described, pairs }) => described.some(({ name }) => pairs[name]);

/** Sizes and types of a run's inputs. */
const keyOf = (described) => JSON.stringify(described);

const round = (milliseconds) =>
  milliseconds < 10 ? milliseconds.toFixed(1) : milliseconds.toFixed(0);

/**
 * The GPU of a session that may use one: its adapter is looked for while the model is on its way, its device is opened, and made ready
 * for a run's sizes, after the CPU has answered, and it is left for good when anything fails; no request is lost by that.
 */
export class GpuSide {
  /**
   * `tell` hears of the device's facts, whenever they change: {available, why, …}. A GPU that is not `forced` has to be faster than
   * the CPU.
   */
  constructor(tell, forced) {
    this.tell = (fact) => tell((this.fact = fact));
    this.contest = forced ? null : new Contest();
    /** The adapter; null without one, or when it has been left. */
    this.found = null;
    /** The model on its device; null until that is open. */
    this.model = null;
    this.search = false;
    /** Whether it answered last, or will. */
    this.leads = false;
    this.finding = this.find();
  }

  async find() {
    try {
      this.parts = await import('./quern-gpu.js');
      const found = await this.parts.findGpu();
      if (!found.adapter) {
        this.leave(found.why);
        return false;
      }
      this.found = found;
      this.leads = !this.contest;
      this.tell({ available: true, why: found.why, ...found.facts });
      return true;
    } catch (error) {
      this.leave(String(error?.message ?? error));
      return false;
    }
  }

  /** Ends with the GPU: from now on the CPU answers. */
  leave(why) {
    this.close();
    this.tell({ available: false, why });
  }

  /**
   * Takes the engine once it has loaded and made the model ready. `machine` holds the memory and runs the steps that stay on the CPU;
   * `records` are the schedules that this browser, which calls itself `browser`, has found on GPUs.
   */
  take(calls, machine, { records, browser }) {
    if (!this.found) return;
    const call = (name, argument) => {
      const reply = JSON.parse(calls[name](JSON.stringify(argument)));
      if (reply.error) throw new EngineError(reply.error.code, reply.error.message);
      return reply;
    };
    const { memory, host } = machine;
    this.session = { call, memory, run: host.run };
    const schedules = this.parts.schedulesOf(this.found.facts.class, browser);
    const here = records.filter((record) => record.device === schedules);
    const { refused, rounds } = call('gpu', { device: schedules, browser, records: here });
    this.rounds = rounds;
    if (refused) {
      this.leave(`The CPU runs this model: ${refused}.`);
      return;
    }
    this.tell({ ...this.fact, schedules });
  }

  /** Opens the device; resolves to the model on it, or to null where that fails. */
  open() {
    if (!this.found) return Promise.resolve(null);
    this.opening ??= this.parts.GpuModel.open(this.found).then(
      (model) => {
        if (!this.found) {
          model.close(); // left meanwhile
          return null;
        }
        this.model = model;
        this.tuner = new this.parts.GpuTuner(model, this.session, this.search);
        return model;
      },
      (error) => {
        this.leave(String(error?.message ?? error));
        return null;
      },
    );
    return this.opening;
  }

  /** Takes more records, of the server. */
  add(records) {
    if (!this.found || !this.session) return;
    this.session.call('gpuRecords', { records });
    this.setTuning(this.search);
  }

  /** Switches the search on or off; records are used in any case. */
  setTuning(search) {
    this.search = search;
    if (this.tuner) Object.assign(this.tuner, { search, searching: true, trial: null });
  }

  /** Works on the search for a piece, if the GPU has the lead. Resolves to whether more is to be done, and what has happened. */
  async tune() {
    const program = this.leads && this.tuner?.searching && this.model?.programs().at(-1);
    if (!program) return { more: false, events: [] };
    const { tuner } = this;
    try {
      const more = await tuner.piece(program);
      return { more, events: tuner.takeEvents() };
    } catch (error) {
      if (!this.model?.failure) throw error;
      this.failed(error);
      return { more: false, events: [] };
    }
  }

  /** Whether the CPU alone answers these inputs from now on. */
  settled(described) {
    return !this.found || this.contest?.winner(keyOf(described)) === 'cpu';
  }

  /** The reply to a run, or null where the CPU has to answer. */
  async run({ described, views, outputs }) {
    const { model, session } = this;
    if (!model) return null;
    try {
      const key = keyOf(described);
      const program = model.ready(key);
      if (!program || this.contest?.next(key) === 'cpu') return null;
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
      const reply = { outputs: tensors, milliseconds, shape, first, flops, prepared: null };
      this.took(described, 'gpu', reply);
      return reply;
    } catch (error) {
      // An input that does not fit is no fault of the GPU, and the CPU says so.
      if (error instanceof EngineError && error.code === 'input') return null;
      this.failed(error);
      return null;
    }
  }

  /**
   * A run that reads what another has left, and leaves its own for the next. Null where the CPU has to answer; else {reply, first, trial,
   * commit, discard}: the first one is to be held against the CPU's, which has what it reads, too; a trial only shows how long the GPU takes,
   * and the CPU answers; `commit` takes what it has left for the next run.
   */
  async runKeeping(given) {
    const { model, session, contest } = this;
    if (!this.found || contest?.winner(KEEPING) === 'cpu') return null;
    if (!model) {
      setTimeout(() => this.open()); // the answer goes first
      return null;
    }
    const { keeping } = model;
    const trial = contest !== null && contest.winner(KEEPING) === null;
    const preparing = trial && (begins(given) || contest.next(KEEPING) === 'cpu');
    const start = performance.now();
    try {
      const ran = await keeping.run(given, session, preparing);
      if (!ran) return null;
      const { taken, recording, uploading, commit, discard } = ran;
      if (!taken) {
        discard();
        if (!keeping.values) return null; // the CPU words it
        throw new EngineError('input', 'An index that the inputs hold is out of range.');
      }
      const outputs = {};
      for (const [name, { type, dims, bytes }] of Object.entries(taken)) {
        outputs[name] = tensorOf(type, dims, bytes);
      }
      const { shape, flops } = recording;
      const milliseconds = performance.now() - start - uploading;
      const reply = { outputs, milliseconds, shape, first: false, flops, prepared: null };
      const first = !this.compared;
      this.compared = true;
      const taking = () => {
        commit();
        session.call('leave', null);
      };
      return { reply, first, trial, commit: taking, discard };
    } catch (error) {
      if (error instanceof EngineError) throw error;
      const lost = keeping.values !== null;
      this.failed(error);
      if (!lost) return null;
      throw new EngineError(
        'forgotten',
        'The GPU failed, and with it what runs had left is lost: give all inputs again.',
      );
    }
  }

  /** Takes how long a run that keeps values took; those that begin are of another size and do not count. */
  tookKeeping(given, who, reply, first = false) {
    if (!this.found || !this.contest || begins(given)) return;
    this.decide(KEEPING, who, { ...reply, first });
  }

  failed(error) {
    if (this.found) this.leave(`The GPU failed, and the CPU goes on: ${error?.message ?? error}`);
  }

  /** Takes how long a run took, and has the GPU made ready for its sizes. */
  took(described, who, reply) {
    const { contest } = this;
    if (!this.found) return;
    const key = keyOf(described);
    if (who === 'cpu' && contest?.winner(key) !== 'cpu') {
      setTimeout(() => this.begin(key, described)); // the answer goes first
    }
    this.decide(key, who, reply);
  }

  async begin(key, described) {
    const model = await this.open();
    model?.begin(key, described, this.session);
  }

  /** Takes a time, and tells when it decides who goes on. */
  decide(key, who, reply) {
    const { contest } = this;
    if (!contest?.took(key, who, reply)) return;
    this.leads = contest.winner(key) === 'gpu';
    const measured = contest.results();
    const { shape, cpu, gpu } = measured.at(-1);
    const why = `At ${shape} the GPU takes ${round(gpu)} ms and the CPU ${round(cpu)} ms: the faster goes on.`;
    this.tell({ ...this.fact, available: true, why, measured });
  }

  /** Compares what both computed of the same inputs: a GPU that computes something else is left. */
  check(gpu, cpu) {
    const problem = disagreement(gpu.outputs, cpu.outputs, this.rounds);
    if (problem) this.failed(new Error(problem));
    return !problem;
  }

  /** Where the time goes on the GPU, once it is ready for these inputs; null until then. */
  async profile(given, runs) {
    const program = this.model?.ready(keyOf(given.described));
    return program ? this.parts.profile(this.model, program, given, runs) : null;
  }

  describe() {
    if (!this.model) return null;
    const { schedules } = this.tuner ? this.session.call('tiles', null) : { schedules: [] };
    return { ...this.model.describe(), schedules };
  }

  close() {
    this.found = null;
    this.model?.close();
    this.model = null;
    this.leads = false;
  }
}
