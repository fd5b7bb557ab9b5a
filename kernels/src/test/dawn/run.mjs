// Reads jobs as JSON from standard input and answers each with a line: `ok`, with a result
// `ok BASE64`, or `bad BASE64` with what is wrong.
//   node run.mjs validate   Tint's word on each shader, core and compatibility mode, without a GPU
//   node run.mjs compute    runs the steps on the Vulkan adapter that the loader finds
import { create, globals } from 'webgpu';

Object.assign(globalThis, globals);

const bytes = (text) => new Uint8Array(Buffer.from(text, 'base64'));

// Devices do not keep these alive, and fail once they are collected.
const kept = [];

async function device(backend, featureLevel) {
  const instance = create([`backend=${backend}`]);
  const adapter = await instance.requestAdapter({ featureLevel });
  kept.push(instance, adapter);
  if (!adapter) throw new Error(`no ${featureLevel} adapter of ${backend}`);
  return adapter.requestDevice();
}

/** Makes a step's pipeline, or throws what the compiler says. */
async function pipeline(gpu, code) {
  gpu.pushErrorScope('validation');
  const module = gpu.createShaderModule({ code });
  const made = gpu.createComputePipeline({
    layout: 'auto',
    compute: { module, entryPoint: 'main' },
  });
  const { messages } = await module.getCompilationInfo();
  const error = await gpu.popErrorScope();
  const said = messages.map((m) => `${m.type} ${m.lineNum}:${m.linePos} ${m.message}`);
  if (said.length || error) throw new Error(`${said.join('\n')}\n${error?.message}\n${code}`);
  return made;
}

async function validate(gpus, job) {
  for (const gpu of gpus) {
    for (const step of job.steps) await pipeline(gpu, bytes2text(step.text));
  }
  return 'ok';
}

function bytes2text(encoded) {
  return Buffer.from(encoded, 'base64').toString('utf8');
}

function filled(gpu, data, usage) {
  const buffer = gpu.createBuffer({ size: data.length, usage, mappedAtCreation: true });
  new Uint8Array(buffer.getMappedRange()).set(data);
  buffer.unmap();
  return buffer;
}

async function compute([gpu], job) {
  const { STORAGE, UNIFORM, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const buffers = job.buffers.map((b) => filled(gpu, bytes(b), STORAGE | COPY_SRC));
  const status = filled(gpu, new Uint8Array(16), STORAGE | COPY_SRC);
  const pipelines = [];
  for (const step of job.steps) pipelines.push(await pipeline(gpu, bytes2text(step.text)));
  gpu.pushErrorScope('validation');
  const encoder = gpu.createCommandEncoder();
  job.steps.forEach((step, s) => {
    const bound = step.bindings.map((b) => buffers[b]);
    if (step.words.length) {
      const words = new Uint32Array(Math.ceil(step.words.length / 4) * 4);
      words.set(step.words);
      bound.push(filled(gpu, new Uint8Array(words.buffer), UNIFORM));
    }
    if (step.faults) bound.push(status);
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipelines[s]);
    pass.setBindGroup(
      0,
      gpu.createBindGroup({
        layout: pipelines[s].getBindGroupLayout(0),
        entries: bound.map((buffer, binding) => ({ binding, resource: { buffer } })),
      }),
    );
    pass.dispatchWorkgroups(...step.groups);
    pass.end();
  });
  const size = buffers[job.result].size;
  const back = gpu.createBuffer({ size: size + 16, usage: MAP_READ | COPY_DST });
  encoder.copyBufferToBuffer(status, 0, back, 0, 16);
  encoder.copyBufferToBuffer(buffers[job.result], 0, back, 16, size);
  gpu.queue.submit([encoder.finish()]);
  const error = await gpu.popErrorScope();
  if (error) throw new Error(error.message);
  await back.mapAsync(GPUMapMode.READ);
  const answer = Buffer.from(back.getMappedRange().slice(0)).toString('base64');
  for (const buffer of [...buffers, status, back]) buffer.destroy();
  return `ok ${answer}`;
}

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const jobs = JSON.parse(Buffer.concat(chunks).toString('utf8'));
const computes = process.argv[2] === 'compute';
const gpus = computes
  ? [await device('vulkan', 'core')]
  : [await device('null', 'core'), await device('null', 'compatibility')];
const lines = [];
for (const job of jobs) {
  try {
    lines.push(await (computes ? compute : validate)(gpus, job));
  } catch (e) {
    lines.push(`bad ${Buffer.from(e.message).toString('base64')}`);
  }
}
// Dawn keeps threads that would outlive the script.
process.stdout.write(`${lines.join('\n')}\n`, () => process.exit(0));
