/* Quern as a site uses it: the SDK's session, in its own worker; times include the way there and back. */
import * as quern from '/quern.js';

const TYPES = { f32: 'float32', i64: 'int64', i32: 'int32', i8: 'int8', u8: 'uint8' };

/** Milliseconds in which shaders are made. */
const GPU_LIMIT = 60_000;

/** Tensors of the SDK, made once for the inputs of a case. */
const made = new WeakMap();

function inputs(tensors) {
  let given = made.get(tensors);
  if (!given) {
    given = {};
    for (const [name, { type, data, dims }] of Object.entries(tensors)) {
      given[name] = new quern.Tensor(TYPES[type], data, dims);
    }
    made.set(tensors, given);
  }
  return given;
}

/** The CPU answers until the GPU's shaders are there. */
async function onGpu(session, tensors) {
  const end = performance.now() + GPU_LIMIT;
  while ((await session.measure(inputs(tensors))).device !== 'webgpu') {
    const { available, why } = session.capabilities.gpu;
    if (!available || performance.now() > end) {
      throw new Error(`the GPU does not answer: ${why}`);
    }
    await new Promise((go) => setTimeout(go, 50));
  }
  return true;
}

export async function load(model, { threads, device }) {
  const session = await quern.Session.create(model.manifest, {
    threads,
    device,
    schedules: false,
    tune: false,
  });
  let candidates;
  let before = {};
  session.addEventListener('progress', ({ detail }) => {
    if (detail.phase === 'tune') {
      candidates = detail;
    }
  });
  return {
    async run(tensors) {
      const { outputs, milliseconds } = await session.measure(inputs(tensors), { into: before });
      before = outputs;
      this.engineMilliseconds = milliseconds;
      return outputs;
    },
    /** Tunes while inferences run, as in a page. */
    async settle(milliseconds, tensors) {
      if (device === 'webgpu') {
        return onGpu(session, tensors);
      }
      candidates = undefined;
      const end = performance.now() + milliseconds;
      await session.tuning(true);
      const done = () => candidates && candidates.loaded >= candidates.total;
      while (performance.now() < end && !done()) {
        await session.run(inputs(tensors));
      }
      await session.tuning(false);
      return Boolean(done());
    },
    async facts() {
      const { memoryBytes, schedules } = await session.describe();
      return {
        memoryBytes,
        threads: session.threads,
        phases: session.phases,
        timeline: session.timeline,
        schedules: schedules.map(
          ({ kernel, bucket, schedule, source }) => `${kernel} ${bucket}: ${schedule} (${source})`,
        ),
      };
    },
    release: () => session.release(),
  };
}
