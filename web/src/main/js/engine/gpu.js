// Plays recordings of the engine (dev.quern.gpu.Recording) on a WebGPU device: it makes buffers and pipelines of a list, submits it
// for each run, and decides nothing. Loaded by sessions that want a GPU. Whatever goes wrong here is an Error whose message says
// why the CPU has to answer; the caller lets it.

import { classOf } from './gpu-class.js';
import { KeptRuns } from './gpu-kept.js';
import { TIMESTAMPS } from './gpu-times.js';

export { schedulesOf } from './gpu-class.js';
export { profile } from './gpu-times.js';
export { GpuTuner } from './gpu-tuner.js';

/** Sets of sizes whose buffers are kept. */
const MOST_RECORDINGS = 4;
/** dev.quern.wgsl.Shader: words of a step's part of the uniform buffer; offsets are multiples of its bytes. */
const STEP_BYTES = 256;
const STATUS_BYTES = 16;
const CHUNK_BYTES = 16 << 20;

const padded = (bytes) => Math.ceil(bytes / 4) * 4;

/** An adapter of the core features, or else of the compatibility mode's; one in software only where there is no other. */
async function findAdapter(gpu) {
  const found = [];
  for (const featureLevel of ['core', 'compatibility']) {
    const adapter = await gpu.requestAdapter({ featureLevel });
    if (adapter) found.push({ adapter, featureLevel });
    if (adapter && !adapter.info?.isFallbackAdapter) return found.at(-1);
  }
  if (found.length) return found[0];
  throw new Error('This browser has WebGPU but no adapter for it here.');
}

/** What a person may want to know of an adapter. */
function describe(adapter, featureLevel, limits) {
  const { vendor, architecture, device, description } = adapter.info ?? {};
  return {
    class: classOf(adapter.info ?? {}, featureLevel),
    vendor: vendor ?? '',
    architecture: architecture ?? '',
    device: device ?? '',
    description: description ?? '',
    featureLevel,
    features: [...adapter.features].sort(),
    limits,
  };
}

/** Limits that the recordings profit from: all that the adapter has of them is asked for. */
const LIMITS = ['maxStorageBuffersPerShaderStage', 'maxStorageBufferBindingSize', 'maxBufferSize'];

/** Which adapter there is; null and why, if there is none. */
export async function findGpu() {
  if (!navigator.gpu) return { adapter: null, why: 'This browser does not offer WebGPU here.' };
  try {
    const { adapter, featureLevel } = await findAdapter(navigator.gpu);
    const limits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]));
    const facts = describe(adapter, featureLevel, limits);
    return { adapter, facts, why: `WebGPU (${featureLevel}) on ${name(facts)}.` };
  } catch (error) {
    return { adapter: null, why: String(error?.message ?? error) };
  }
}

const name = ({ vendor, architecture, device, description }) =>
  description ||
  [vendor, architecture, device].filter(Boolean).join(' ') ||
  'an adapter without a name';

/** A model on a device. `call` asks the engine's GpuCalls. */
export class GpuModel {
  /** Asks for the device, with explicit limits and features. */
  static async open({ adapter, facts }) {
    const device = await adapter.requestDevice({
      requiredFeatures: [TIMESTAMPS].filter((feature) => adapter.features.has(feature)),
      requiredLimits: facts.limits,
    });
    return new GpuModel(device, facts);
  }

  constructor(device, facts) {
    this.device = device;
    this.facts = facts;
    this.failure = null;
    this.known = new Map(); // by a run's inputs: a promise of what is ready, or what is ready
    this.pipelines = new Map(); // by WGSL
    this.weights = new Map(); // by the plan's number and the first byte
    this.weightBytes = 0;
    this.keeping = new KeptRuns(this);
    /** Whether steps can be timed on the device; else from when they are submitted until they are done. */
    this.stamps = device.features.has(TIMESTAMPS);
    device.lost.then(({ message }) =>
      this.fail(`The device was lost: ${message || 'no reason given'}`),
    );
    device.onuncapturederror = ({ error }) => this.fail(error.message);
  }

  fail(message) {
    this.failure ??= message;
  }

  /** What the engine has to know of the device to record. */
  get limits() {
    const { maxStorageBuffersPerShaderStage, maxStorageBufferBindingSize } = this.device.limits;
    return {
      storageBuffers: maxStorageBuffersPerShaderStage,
      bindingBytes: maxStorageBufferBindingSize,
    };
  }

  /** What runs these inputs; null while it is being made. Throws where it is known that it cannot be made. */
  ready(key) {
    if (this.failure) throw new Error(this.failure);
    const known = this.known.get(key);
    if (!known) return null;
    if (known.error) throw known.error;
    // The newest stands last; the first is the one to go.
    this.known.delete(key);
    this.known.set(key, known);
    return known.program;
  }

  /** Begins to make what runs these inputs. */
  begin(key, inputs, session) {
    if (this.failure || this.known.has(key)) return;
    const entry = { program: null, error: null };
    this.known.set(key, entry);
    this.prepare(inputs, session).then(
      (program) => (entry.program = program),
      (error) => (entry.error = error),
    );
    this.forget();
  }

  forget() {
    for (const [key, { program }] of this.known) {
      if (this.known.size <= MOST_RECORDINGS) return;
      if (!program) continue;
      for (const buffer of program.owned) buffer.destroy();
      this.known.delete(key);
    }
  }

  /** Runs what makes objects, and throws what the device says against them. */
  async checked(action) {
    const { device } = this;
    const kinds = ['validation', 'out-of-memory', 'internal'];
    for (const kind of kinds) device.pushErrorScope(kind);
    let value;
    let thrown = null;
    try {
      value = action();
    } catch (error) {
      thrown = error;
    }
    const errors = await Promise.all(kinds.map(() => device.popErrorScope()));
    const error = thrown ?? errors.find(Boolean);
    if (error) throw new Error(error.message);
    return value;
  }

  async prepare(inputs, { call, memory }) {
    const recording = call('record', { inputs, ...this.limits });
    if (!recording.parts.some(({ dispatches }) => dispatches)) {
      throw new Error(
        `No step of the model has a shader: ${recording.parts[0]?.why ?? 'it has none'}.`,
      );
    }
    const pipelines = await Promise.all(recording.shaders.map((code) => this.pipeline(code)));
    const program = await this.checked(() => this.program(recording, pipelines, this.fresh()));
    await this.upload(recording, memory);
    return Object.assign(program, { described: inputs });
  }

  pipeline(code) {
    let made = this.pipelines.get(code);
    if (!made) {
      made = this.compile(code);
      this.pipelines.set(code, made);
    }
    return made;
  }

  compile(code) {
    const module = this.device.createShaderModule({ code });
    const compute = { module, entryPoint: 'main' };
    return this.device.createComputePipelineAsync({ layout: 'auto', compute });
  }

  /** A dispatch of a pipeline on resources, in the order of its bindings. */
  bind(resources, pipeline) {
    const group = this.device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: resources.map((resource, binding) => ({ binding, resource })),
    });
    return { pipeline, group, resources };
  }

  /** Makes buffers. */
  fresh() {
    return { take: (size, usage) => this.device.createBuffer({ size, usage }) };
  }

  /** Buffers and bind groups of a recording. Buffers come from `source`, but for those that are `given` by their numbers. */
  program(recording, pipelines, source, given = new Map()) {
    const { device } = this;
    const { STORAGE, UNIFORM, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    const owned = [];
    const make = (size, usage) => {
      const buffer = source.take(size, usage);
      owned.push(buffer);
      return buffer;
    };
    const buffers = recording.buffers.map(({ bytes, weight }, i) =>
      weight === undefined
        ? (given.get(i) ?? make(bytes, STORAGE | COPY_SRC | COPY_DST))
        : this.weight(weight, bytes),
    );
    const steps = recording.parts.flatMap(({ dispatches }) => dispatches ?? []);
    const words = new Uint32Array((Math.max(1, steps.length) * STEP_BYTES) / 4);
    steps.forEach((step, i) => words.set(step.words, (i * STEP_BYTES) / 4));
    const uniforms = make(words.byteLength, UNIFORM | COPY_DST);
    device.queue.writeBuffer(uniforms, 0, words);
    const status = make(STATUS_BYTES, STORAGE | COPY_SRC | COPY_DST);
    let at = 0;
    const bound = (step) => {
      const resources = step.bindings.map(({ buffer, size }) => ({
        buffer: buffers[buffer],
        size,
      }));
      const offset = at++ * STEP_BYTES;
      if (step.words.length) resources.push({ buffer: uniforms, offset, size: STEP_BYTES });
      if (step.faults) resources.push({ buffer: status });
      const { step: number, name, kernel, groups } = step;
      return {
        step: number,
        name,
        kernel,
        groups,
        ...this.bind(resources, pipelines[step.shader]),
      };
    };
    const parts = recording.parts.map((part) =>
      part.dispatches ? { dispatches: part.dispatches.map(bound) } : part,
    );
    // Where each activation lies when it goes between GPU and CPU or to the page: behind the status.
    const room = recording.outputs.map(({ bytes }) => padded(bytes));
    for (const { needs } of recording.parts) {
      room.push(...(needs ?? []).map((id) => padded(recording.sizes[id])));
    }
    const back = make(
      STATUS_BYTES + room.reduce((sum, bytes) => sum + bytes, 0),
      MAP_READ | COPY_DST,
    );
    const onCpu = recording.parts.filter(({ why }) => why);
    return { ...recording, owned, buffers, parts, status, back, steps: steps.length, onCpu };
  }

  weight(id, bytes) {
    let known = this.weights.get(id);
    if (!known) {
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
      known = { buffer: this.device.createBuffer({ size: bytes, usage }), written: false };
      this.weights.set(id, known);
      this.weightBytes += bytes;
    }
    return known.buffer;
  }

  /** Weights go from the kernels' memory, where they lie packed, piece by piece. */
  async upload({ buffers }, memory) {
    for (const { weight, address, length } of buffers) {
      if (weight === undefined || this.weights.get(weight).written) continue;
      const { buffer } = this.weights.get(weight);
      this.weights.get(weight).written = true;
      for (let from = 0; from < length; from += CHUNK_BYTES) {
        const bytes = Math.min(CHUNK_BYTES, length - from);
        this.write(buffer, from, new Uint8Array(memory.buffer, address + from, bytes));
      }
    }
    await this.device.queue.onSubmittedWorkDone();
  }

  /** Writes bytes, from a copy where memory is shared, which not every browser takes here; what is no whole word gets one. */
  write(buffer, offset, bytes) {
    let data = bytes;
    if (bytes.length % 4 || !(bytes.buffer instanceof ArrayBuffer)) {
      data = new Uint8Array(padded(bytes.length));
      data.set(bytes);
    }
    this.device.queue.writeBuffer(buffer, offset, data);
  }

  /**
   * One inference. Resolves to the outputs, or to null where the model's data is at fault, an index out of range, which the CPU's
   * kernels word better. `views` are the bytes of the inputs.
   */
  async run(program, { described, views, outputs, session }) {
    if (this.failure) throw new Error(this.failure);
    const wanted = program.outputs.filter(({ name }) => !outputs || outputs.includes(name));
    if (outputs && wanted.length !== outputs.length) return null; // the CPU words it
    const { device } = this;
    this.writeInputs(program, described, views);
    const cpu = program.onCpu.length ? session.call('bind', { inputs: described }) : null;
    device.pushErrorScope('validation');
    device.pushErrorScope('out-of-memory');
    let thrown = null;
    const taken = await this.play(program, wanted, cpu, session).catch((error) => {
      thrown = error;
    });
    const errors = await Promise.all([device.popErrorScope(), device.popErrorScope()]).catch(
      () => [],
    );
    const error = thrown ?? errors.find(Boolean);
    if (error || this.failure) throw new Error(error?.message ?? this.failure);
    return taken;
  }

  writeInputs(program, described, views) {
    for (const { name, buffer } of program.inputs) {
      const at = described.findIndex((input) => input.name === name);
      if (buffer < 0 || at < 0) continue; // no step reads it, or it is there
      this.write(program.buffers[buffer], 0, views[at]);
    }
  }

  async play(program, wanted, cpu, session) {
    let encoder = this.device.createCommandEncoder();
    encoder.clearBuffer(program.status);
    for (const part of program.parts) {
      if (part.dispatches) this.encode(encoder, part.dispatches);
      else {
        if (!(await this.onCpu(program, part, encoder, cpu, session))) return null;
        encoder = this.device.createCommandEncoder();
      }
    }
    return this.take(program, encoder, wanted);
  }

  encode(encoder, dispatches, options = {}) {
    const pass = encoder.beginComputePass(options);
    let last = null;
    for (const { pipeline, group, groups } of dispatches) {
      if (pipeline !== last) pass.setPipeline(pipeline);
      last = pipeline;
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...groups);
    }
    pass.end();
  }

  /** Copies parts of buffers to where the CPU reads them, and gives them to `use`. */
  async read(program, encoder, pieces, use) {
    const { back } = program;
    encoder.copyBufferToBuffer(program.status, 0, back, 0, STATUS_BYTES);
    let at = STATUS_BYTES;
    for (const { buffer, bytes } of pieces) {
      if (bytes) encoder.copyBufferToBuffer(program.buffers[buffer], 0, back, at, bytes);
      at += bytes;
    }
    this.device.queue.submit([encoder.finish()]);
    await back.mapAsync(GPUMapMode.READ, 0, at);
    try {
      return use(back.getMappedRange(0, at));
    } finally {
      back.unmap();
    }
  }

  /** Steps without shaders: what they read comes to the CPU, what they leave goes back. */
  async onCpu(program, { first, last, needs, gives }, encoder, cpu, { memory, run }) {
    const place = (id) => program.buffers[program.activations[id]];
    const pieces = needs.map((id) => ({
      buffer: program.activations[id],
      bytes: padded(program.sizes[id]),
    }));
    await this.read(program, encoder, pieces, (mapped) => {
      let at = STATUS_BYTES;
      needs.forEach((id, i) => {
        const bytes = program.sizes[id];
        new Uint8Array(memory.buffer, cpu.addresses[id], bytes).set(
          new Uint8Array(mapped, at, bytes),
        );
        at += pieces[i].bytes;
      });
    });
    if (run(cpu.program, first, last) !== 0) return false; // the CPU words it
    for (const id of gives) {
      this.write(place(id), 0, new Uint8Array(memory.buffer, cpu.addresses[id], program.sizes[id]));
    }
    return true;
  }

  take(program, encoder, wanted) {
    const pieces = wanted.map(({ buffer, bytes }) => ({ buffer, bytes: padded(bytes) }));
    return this.read(program, encoder, pieces, (mapped) => {
      if (new Uint32Array(mapped, 0, 1)[0] !== 0) return null;
      const tensors = {};
      let at = STATUS_BYTES;
      wanted.forEach(({ name, type, dims, bytes }, i) => {
        tensors[name] = { type, dims, bytes: mapped.slice(at, at + bytes) };
        at += pieces[i].bytes;
      });
      return tensors;
    });
  }

  /** Those that are ready to run; the newest stands last. */
  programs() {
    return [...this.known.values()].map(({ program }) => program).filter(Boolean);
  }

  /** What a person may want to know of it, for the sizes that ran last. */
  describe() {
    const program = this.programs().at(-1);
    return {
      ...this.facts,
      dispatches: program?.steps ?? 0,
      onCpu: program?.onCpu.map(({ why }) => why) ?? [],
      shaders: this.pipelines.size,
      weightBytes: this.weightBytes,
    };
  }

  close() {
    this.device.destroy();
  }
}
