// Answers one line a request: what Dawn, the WebGPU of Chromium, makes of a shader. Fields are separated by tabs, texts and
// buffers are base64. Argument: 'null' (no GPU: shaders are only validated) or 'vulkan'.
//   check  <core|compatibility>  <code>
//   run    <x,y,z>  <code>  <kind>:<bytes> …      kind: r, w (storage), u (uniform); answers the bytes of each w
import { createInterface } from 'node:readline';
import { create, globals } from 'webgpu';

Object.assign(globalThis, globals);
const gpu = create([`backend=${process.argv[2]}`]);
const answer = (...fields) => process.stdout.write(`${fields.join('\t')}\n`);
const text = (field) => Buffer.from(field, 'base64').toString();
const devices = new Map();

async function device(mode) {
  if (!devices.has(mode)) {
    const core = mode === 'core';
    const adapter = await gpu.requestAdapter(core ? {} : { featureLevel: 'compatibility' });
    if (!adapter) throw new Error('no adapter');
    devices.set(
      mode,
      await adapter.requestDevice({ requiredFeatures: core ? ['core-features-and-limits'] : [] }),
    );
  }
  return devices.get(mode);
}

async function checked(made, body) {
  made.pushErrorScope('validation');
  const value = await body();
  const error = await made.popErrorScope();
  if (error) throw new Error(error.message);
  return value;
}

const pipeline = (made, code) =>
  checked(made, () =>
    made.createComputePipelineAsync({
      layout: 'auto',
      compute: { module: made.createShaderModule({ code }), entryPoint: 'main' },
    }),
  );

async function run(groups, code, buffers) {
  const made = await device('core');
  const compute = await pipeline(made, code);
  const { STORAGE, UNIFORM, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const placed = buffers.map((field) => {
    const kind = field[0];
    const bytes = Buffer.from(field.slice(2), 'base64');
    const usage = (kind === 'u' ? UNIFORM : STORAGE) | COPY_SRC | COPY_DST;
    const buffer = made.createBuffer({ size: Math.max(16, bytes.length), usage });
    made.queue.writeBuffer(buffer, 0, bytes);
    return { kind, buffer, size: bytes.length };
  });
  const written = placed.filter(({ kind }) => kind === 'w');
  const staging = written.map(({ size }) =>
    made.createBuffer({ size: Math.max(16, size), usage: MAP_READ | COPY_DST }),
  );
  await checked(made, async () => {
    const encoder = made.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(compute);
    const entries = placed.map(({ buffer }, binding) => ({ binding, resource: { buffer } }));
    pass.setBindGroup(0, made.createBindGroup({ layout: compute.getBindGroupLayout(0), entries }));
    pass.dispatchWorkgroups(...groups.split(',').map(Number));
    pass.end();
    written.forEach(({ buffer, size }, i) =>
      encoder.copyBufferToBuffer(buffer, 0, staging[i], 0, size),
    );
    made.queue.submit([encoder.finish()]);
  });
  const results = [];
  for (const [i, { size }] of written.entries()) {
    await staging[i].mapAsync(GPUMapMode.READ);
    results.push(Buffer.from(staging[i].getMappedRange().slice(0, size)).toString('base64'));
    staging[i].unmap();
  }
  for (const buffer of [...placed.map((one) => one.buffer), ...staging]) buffer.destroy();
  return results;
}

for await (const line of createInterface({ input: process.stdin })) {
  const [request, first, code, ...buffers] = line.split('\t');
  try {
    if (request === 'check') {
      await pipeline(await device(first), text(code));
      answer('ok');
    } else {
      answer('ok', ...(await run(first, text(code), buffers)));
    }
  } catch (error) {
    answer('error', Buffer.from(String(error?.message ?? error)).toString('base64'));
  }
}
process.exit(0);
