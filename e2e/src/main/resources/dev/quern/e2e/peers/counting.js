/*
 * Counts what the code of a page or a worker asks of WebGPU, whatever the engine. Loaded before the engine; others ask for the counts of all
 * of them on a channel.
 *
 * `bound` are the bytes of the buffers and textures that dispatches were given, as often as they were: what kernels may read and write at most.
 */
const CHANNEL = 'gpu-counts';

const counts = { dispatches: 0, submits: 0, bound: 0, copied: 0, uploaded: 0, read: 0 };

/** Bytes behind a bind group. */
const groups = new WeakMap();
/** Bytes of what a view of a texture shows. */
const views = new WeakMap();
/** The bind groups of a pass, by their places. */
const passes = new WeakMap();

/** Replaces a method by one that does something before. */
function before({ prototype }, name, action) {
  const original = prototype[name];
  prototype[name] = function (...given) {
    action.call(this, ...given);
    return original.apply(this, given);
  };
}

/** Replaces a method by one that looks at what it has made. */
function after({ prototype }, name, action) {
  const original = prototype[name];
  prototype[name] = function (...given) {
    const made = original.apply(this, given);
    action.call(this, made, ...given);
    return made;
  };
}

/** Bytes of a texture, of texels of at most four numbers. */
function textureBytes({ format, width, height, depthOrArrayLayers }) {
  const channels = format.startsWith('rgba') ? 4 : format.startsWith('rg') ? 2 : 1;
  const bits = Number(/\d+/.exec(format)[0]);
  return (width * height * depthOrArrayLayers * channels * bits) / 8;
}

function bytesOf({ resource }) {
  if (resource instanceof GPUBuffer) return resource.size;
  if (resource instanceof GPUTextureView) return views.get(resource);
  if (resource instanceof GPUTexture) return textureBytes(resource);
  const { buffer, offset = 0, size } = resource;
  return buffer instanceof GPUBuffer ? (size ?? buffer.size - offset) : 0;
}

function dispatched() {
  counts.dispatches++;
  for (const group of passes.get(this)?.values() ?? []) counts.bound += groups.get(group) ?? 0;
}

function written(buffer, offset, data, dataOffset = 0, size) {
  const unit = data.BYTES_PER_ELEMENT ?? 1;
  counts.uploaded += size === undefined ? data.byteLength - dataOffset * unit : size * unit;
}

function watch() {
  after(GPUDevice, 'createBindGroup', (group, { entries }) => {
    groups.set(
      group,
      [...entries].reduce((sum, entry) => sum + bytesOf(entry), 0),
    );
  });
  after(GPUDevice, 'createBuffer', (buffer, { size, mappedAtCreation }) => {
    if (mappedAtCreation) counts.uploaded += size;
  });
  after(GPUTexture, 'createView', function (view) {
    views.set(view, textureBytes(this));
  });
  before(GPUComputePassEncoder, 'setBindGroup', function (index, group) {
    if (!passes.has(this)) passes.set(this, new Map());
    passes.get(this).set(index, group);
  });
  before(GPUComputePassEncoder, 'dispatchWorkgroups', dispatched);
  before(GPUComputePassEncoder, 'dispatchWorkgroupsIndirect', dispatched);
  before(GPUCommandEncoder, 'copyBufferToBuffer', (source, ...rest) => {
    const whole = typeof rest[0] !== 'number';
    counts.copied += (whole ? rest[1] : rest[3]) ?? source.size;
  });
  before(GPUQueue, 'submit', () => counts.submits++);
  before(GPUQueue, 'writeBuffer', written);
  before(GPUBuffer, 'mapAsync', function (mode, offset = 0, size) {
    if (mode === GPUMapMode.READ) counts.read += size ?? this.size - offset;
  });
}

if (globalThis.GPUDevice) {
  watch();
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = ({ data }) => {
    if (data === 'ask') channel.postMessage(counts);
  };
}

/** The counts of this page and its workers together. */
export async function gpuCounts() {
  const heard = [];
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = ({ data }) => {
    if (data !== 'ask') heard.push(data);
  };
  channel.postMessage('ask');
  await new Promise((go) => setTimeout(go, 300));
  channel.close();
  const sum = Object.fromEntries(Object.keys(counts).map((name) => [name, 0]));
  for (const each of heard) {
    for (const name of Object.keys(sum)) sum[name] += each[name];
  }
  return sum;
}
