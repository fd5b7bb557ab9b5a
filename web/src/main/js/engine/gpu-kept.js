// Runs that read what another has left on the GPU, such as a decoder's keys and values, and leave their own. Their sizes change with each run,
// so that each is recorded anew; shaders are the same, and buffers come from a pool.

/** Runs after which a buffer that none has taken is given back. */
const IDLE_RUNS = 8;
/** A buffer serves what needs a quarter of it. */
const WASTE = 4;
const LEAST = 4096;

const padded = (bytes) => Math.ceil(bytes / 4) * 4;

/** Buffers that are used again. */
class Pool {
  constructor(device) {
    this.device = device;
    this.free = [];
    this.turn = 0;
  }

  take(bytes, usage) {
    let best = -1;
    this.free.forEach(({ buffer }, i) => {
      const fits =
        buffer.usage === usage && buffer.size >= bytes && buffer.size <= this.room(bytes) * WASTE;
      if (fits && (best < 0 || buffer.size < this.free[best].buffer.size)) best = i;
    });
    if (best >= 0) return this.free.splice(best, 1)[0].buffer;
    return this.device.createBuffer({ size: this.room(bytes), usage });
  }

  /** Sizes that grow step by step seldom need another buffer: they are rounded up by a quarter at most. */
  room(bytes) {
    if (bytes <= LEAST) return LEAST;
    const unit = 2 ** (Math.floor(Math.log2(bytes)) - 2);
    return Math.ceil(bytes / unit) * unit;
  }

  give(buffers) {
    for (const buffer of buffers) this.free.push({ buffer, turn: this.turn });
  }

  /** A run has ended. */
  tick() {
    this.turn++;
    this.free = this.free.filter(({ buffer, turn }) => {
      const stays = this.turn - turn <= IDLE_RUNS;
      if (!stays) buffer.destroy();
      return stays;
    });
  }
}

export class KeptRuns {
  constructor(model) {
    this.model = model;
    this.pool = new Pool(model.device);
    /** What the last run has left on the GPU: [{name, type, dims, bytes, buffer}]; null if that is not here. */
    this.values = null;
    /** Shaders that are compiled, by WGSL. */
    this.ready = new Set();
    /** Why the CPU has to do these runs; null if it need not. */
    this.refused = null;
  }

  /**
   * One inference; with `preparing` only what it takes is made ready. Resolves to null where the CPU has to answer, else to
   * {taken, recording, uploading, commit, discard}: `uploading` are the milliseconds in which values came from the CPU, `taken` are the outputs, or null
   * where an index was out of range; `commit` makes what the run has left what the next one reads, `discard` forgets it.
   */
  async run({ described, views, outputs, pairs }, session, preparing) {
    const begins = described.some(({ name }) => pairs[name]);
    if (begins) this.drop();
    if (this.refused) return null;
    const here = this.values !== null;
    const values = begins ? [] : (this.values ?? this.onCpu(session));
    if (!begins && !values.length) return null; // the CPU says that there is nothing
    const recording = session.call('record', {
      inputs: [
        ...described,
        ...values.map(({ name, type, dims, bytes }) => ({ name, type, dims, bytes })),
      ],
      ...this.model.limits,
    });
    const left = recording.parts.find(({ why }) => why);
    if (left) {
      this.refused = left.why;
      if (here) throw new Error(left.why);
      return null;
    }
    if (!this.isReady(recording)) {
      const making = this.make(recording, session);
      if (!here) {
        making.catch((error) => this.model.fail(error.message));
        return null;
      }
      await making;
    }
    if (preparing) return null;
    const start = performance.now();
    const uploaded = here ? values : this.upload(values, session);
    const uploading = performance.now() - start;
    const played = await this.play(recording, uploaded, {
      described,
      views,
      outputs,
      pairs,
      session,
    });
    return { ...played, uploading };
  }

  /** What runs on the CPU have left, where it lies. */
  onCpu(session) {
    return session.call('kept', null).values.map((value) => {
      const elements = value.dims.reduce((product, dim) => product * dim, 1);
      return { ...value, bytes: elements * bytesOf(value.type) };
    });
  }

  /** The same on the GPU. */
  upload(values, { memory }) {
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    return values.map((value) => {
      const buffer = this.pool.take(padded(value.bytes), STORAGE | COPY_SRC | COPY_DST);
      if (value.bytes)
        this.model.write(buffer, 0, new Uint8Array(memory.buffer, value.address, value.bytes));
      return { ...value, buffer };
    });
  }

  isReady({ shaders, buffers }) {
    const { weights } = this.model;
    return (
      shaders.every((code) => this.ready.has(code)) &&
      buffers.every(({ weight }) => weight === undefined || weights.get(weight)?.written)
    );
  }

  async make(recording, { memory }) {
    const { model } = this;
    await Promise.all(recording.shaders.map((code) => model.pipeline(code)));
    await model.checked(() => {
      for (const { weight, bytes } of recording.buffers) {
        if (weight !== undefined) model.weight(weight, bytes);
      }
    });
    await model.upload(recording, memory);
    for (const code of recording.shaders) this.ready.add(code);
  }

  async play(recording, values, { described, views, outputs, pairs, session }) {
    const { model, pool } = this;
    const pipelines = await Promise.all(recording.shaders.map((code) => model.pipeline(code)));
    const given = new Map();
    for (const { name, buffer } of values) {
      given.set(recording.inputs.find((input) => input.name === name).buffer, buffer);
    }
    const program = await model.checked(() => model.program(recording, pipelines, pool, given));
    const taken = await model.run(program, { described, views, outputs, session });
    const left = Object.entries(pairs).map(([name, output]) => {
      const { type, dims, bytes, buffer } = recording.outputs.find((o) => o.name === output);
      return { name, type, dims, bytes, buffer: program.buffers[buffer] };
    });
    const finish = (kept, others) => {
      const stay = new Set(kept?.map(({ buffer }) => buffer));
      pool.give([...new Set(others)].filter((buffer) => !stay.has(buffer)));
      pool.tick();
      this.values = kept;
    };
    const old = values.map(({ buffer }) => buffer);
    const known = this.values;
    return {
      taken,
      recording,
      commit: () => finish(left, [...program.owned, ...old]),
      discard: () => finish(known, [...program.owned, ...(known ? [] : old)]),
    };
  }

  /** Forgets what runs have left. */
  drop() {
    this.pool.give((this.values ?? []).map(({ buffer }) => buffer));
    this.values = null;
  }
}

/** Bytes of an element, by the name of its type: `f32`, `i64`, `bool`. */
const bytesOf = (type) => (type === 'bool' ? 1 : Number(/\d+/.exec(type)[0]) / 8);
