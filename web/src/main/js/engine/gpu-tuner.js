// Carries out what the engine's tuner of the GPU (dev.quern.tuner.GpuTuner) asks for, piece by piece between runs: candidates are
// compiled in the background, hold their problems against the reference, and are timed beside the schedule in use.

import { EngineError } from './errors.js';
import { timeSides } from './gpu-times.js';

/** A side of a pair lasts so long: browsers round timestamps to 0.1 ms, and a submission takes some tenths. */
const SIDE_MILLISECONDS = { stamped: 5, awaited: 10 };
const MOST_REPEATS = 256;

export class GpuTuner {
  /** `call` asks the engine; `memory` holds the problems. */
  constructor(model, { call, memory }, search) {
    Object.assign(this, { model, call, memory });
    this.trial = null;
    this.events = [];
    /** Whether anything may be left to try: candidates, if `search` says so, or what records say. */
    this.searching = true;
    this.search = search;
  }

  /**
   * One piece, for as long as nothing else runs on the device. Resolves to whether more is to be done with this program; what cannot
   * be compiled or computes something else is refused, while an error of the device is thrown.
   */
  async piece(program) {
    const trial = await this.next(program);
    if (!trial) return false;
    if (trial.pipelines && !trial.failed) {
      try {
        if (!trial.checked) await this.check(trial);
        else await this.time(trial, program);
      } catch (error) {
        if (error instanceof EngineError || this.model.failure) throw error;
        trial.failed = error.message;
      }
    }
    if (trial.failed) {
      this.tell(this.call('refuse', { reason: trial.failed }));
      this.trial = null;
    }
    return true;
  }

  /** The trial under way, its shaders being compiled; null if nothing is left for this program. */
  async next(program) {
    if (this.trial?.program === program) return this.trial;
    const { inputs, steps: list } = this.runOf(program);
    const { search } = this;
    const told = this.tell(this.call('trial', { inputs, steps: list, search }));
    this.searching = told.step !== null;
    this.trial = this.searching ? { ...told, program, repeats: 0 } : null;
    if (this.trial) this.compile(this.trial);
    return this.trial;
  }

  runOf({ described, parts }) {
    const dispatches = parts.flatMap((part) => part.dispatches ?? []);
    return { inputs: described, steps: dispatches.map(({ step }) => step), dispatches };
  }

  compile(trial) {
    const { candidate, incumbent } = trial;
    Promise.all([this.model.compile(candidate.shader), this.model.pipeline(incumbent.shader)]).then(
      (pipelines) => (trial.pipelines = pipelines),
      (error) => (trial.failed = `It cannot be compiled: ${error.message}`),
    );
  }

  takeEvents() {
    return this.events.splice(0);
  }

  tell(reply) {
    this.events.push(...(reply.events ?? []));
    return reply;
  }

  /** The candidate serves from now on in every program. */
  adopt({ candidate, pipelines }) {
    this.model.pipelines.set(candidate.shader, Promise.resolve(pipelines[0]));
    for (const program of this.model.programs())
      this.retile(program, candidate.shader, pipelines[0]);
  }

  /** Lets a program's dispatches use a shader. */
  retile(program, shader, pipeline) {
    const { inputs, steps, dispatches } = this.runOf(program);
    const tiled = this.call('tiled', { inputs, steps }).dispatches;
    for (const { step, groups, ...other } of tiled) {
      const dispatch = dispatches.find((known) => known.step === step);
      if (other.shader === shader) {
        Object.assign(dispatch, this.model.bind(dispatch.resources, pipeline), { groups });
      }
    }
  }

  /** Computes one problem with the candidate. */
  async check(trial) {
    const { device } = this.model;
    const problem = this.call('problem', null);
    const { STORAGE, UNIFORM, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    const owned = [];
    const make = (size, usage) => {
      const buffer = device.createBuffer({ size, usage });
      owned.push(buffer);
      return buffer;
    };
    try {
      const computed = await this.model.checked(() => {
        const resources = problem.bindings.map(({ address, length }) => {
          const buffer = make(Math.ceil(length / 16) * 16, STORAGE | COPY_SRC | COPY_DST);
          this.model.write(buffer, 0, new Uint8Array(this.memory.buffer, address, length));
          return { buffer };
        });
        const uniforms = make(256, UNIFORM | COPY_DST);
        device.queue.writeBuffer(uniforms, 0, new Uint32Array(problem.words));
        resources.push({ buffer: uniforms });
        const dispatch = this.model.bind(resources, trial.pipelines[0]);
        const encoder = device.createCommandEncoder();
        this.model.encode(encoder, [{ ...dispatch, groups: problem.groups }]);
        const { buffer } = resources[problem.result];
        const back = make(buffer.size, MAP_READ | COPY_DST);
        encoder.copyBufferToBuffer(buffer, 0, back, 0, buffer.size);
        device.queue.submit([encoder.finish()]);
        return back;
      });
      await computed.mapAsync(GPUMapMode.READ);
      // Nothing may come between: the engine reads them where the problem lies.
      const { address, length } = problem.bindings[problem.result];
      new Uint8Array(this.memory.buffer, address, length).set(
        new Uint8Array(computed.getMappedRange(), 0, length),
      );
      const judged = this.tell(this.call('judge', null));
      trial.checked = judged.done;
      if (judged.adopted) this.adopt(trial);
      if (judged.adopted || judged.refused) this.trial = null;
    } finally {
      for (const buffer of owned) buffer.destroy();
    }
  }

  /** Times both sides of a pair, on what the program's buffers hold; how often a side runs is found before the first. */
  async time(trial, program) {
    const { candidate, incumbent, pipelines } = trial;
    const { dispatches } = this.runOf(program);
    const here = dispatches.find(({ step }) => step === trial.step);
    const sides = [
      { ...this.model.bind(here.resources, pipelines[1]), groups: incumbent.groups },
      { ...this.model.bind(here.resources, pipelines[0]), groups: candidate.groups },
    ];
    if (!trial.repeats) {
      trial.repeats = await this.repeats(sides);
      return;
    }
    const [incumbentTook, candidateTook] = await timeSides(this.model, sides, trial.repeats);
    const seconds = (milliseconds) => milliseconds / 1000 / trial.repeats;
    const pair = { incumbent: seconds(incumbentTook), candidate: seconds(candidateTook) };
    const told = this.tell(this.call('timed', pair));
    if (told.adopted) this.adopt(trial);
    if (!told.more) this.trial = null;
  }

  /** Repeats after which the faster side has lasted long enough; it warms both up, too. */
  async repeats(sides) {
    const least = SIDE_MILLISECONDS[this.model.stamps ? 'stamped' : 'awaited'];
    for (let repeats = 1; ; repeats *= 2) {
      const took = Math.min(...(await timeSides(this.model, sides, repeats)));
      if (took >= least || repeats >= MOST_REPEATS) return repeats;
    }
  }
}
