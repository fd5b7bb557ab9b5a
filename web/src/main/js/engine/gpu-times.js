// How long a GPU takes: by its own timestamps where it has them, else from submission to the end.

export const TIMESTAMPS = 'timestamp-query';
const MOST_QUERIES = 4096;

/**
 * Milliseconds of `runs` inferences, submitted until done, outputs not read; and of their steps, each in a pass of its own in a second
 * submission, if the device has timestamps. Null where steps are left to the CPU.
 */
export async function profile(model, program, { described, views }, runs) {
  if (program.onCpu.length) return null;
  model.writeInputs(program, described, views);
  const dispatches = program.parts.flatMap((part) => part.dispatches);
  const timed = model.stamps && 2 * dispatches.length <= MOST_QUERIES;
  const times = [];
  const steps = [];
  for (let i = 0; i < runs; i++) {
    times.push(await submitted(model, dispatches));
    if (timed)
      steps.push(
        await stamped(
          model,
          dispatches.map((dispatch) => [dispatch]),
        ),
      );
  }
  if (model.failure) throw new Error(model.failure);
  const names = dispatches.map(({ name, kernel, groups }) => ({ name, kernel, groups }));
  return { times, steps: timed ? steps : null, names };
}

/** Milliseconds of each side, a dispatch that is repeated. */
export async function timeSides(model, sides, repeats) {
  const passes = sides.map((side) => Array(repeats).fill(side));
  if (model.stamps) {
    const times = await stamped(model, passes);
    if (times.every((time) => time > 0)) return times;
    model.stamps = false; // a clock that stands still or runs back
  }
  const times = [];
  for (const pass of passes) times.push(await submitted(model, pass));
  return times;
}

async function submitted(model, dispatches) {
  const start = performance.now();
  await model.checked(() => {
    const encoder = model.device.createCommandEncoder();
    model.encode(encoder, dispatches);
    model.device.queue.submit([encoder.finish()]);
  });
  await model.device.queue.onSubmittedWorkDone();
  return performance.now() - start;
}

/** Milliseconds of passes, by the device's clock. */
async function stamped(model, passes) {
  const { device } = model;
  const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const count = 2 * passes.length;
  const queries = device.createQuerySet({ type: 'timestamp', count });
  const resolved = device.createBuffer({ size: 8 * count, usage: QUERY_RESOLVE | COPY_SRC });
  const back = device.createBuffer({ size: 8 * count, usage: MAP_READ | COPY_DST });
  try {
    await model.checked(() => {
      const encoder = device.createCommandEncoder();
      passes.forEach((dispatches, i) => {
        const writes = { beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 };
        model.encode(encoder, dispatches, { timestampWrites: { querySet: queries, ...writes } });
      });
      encoder.resolveQuerySet(queries, 0, count, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, back, 0, 8 * count);
      device.queue.submit([encoder.finish()]);
    });
    await back.mapAsync(GPUMapMode.READ);
    const stamps = new BigUint64Array(back.getMappedRange());
    return passes.map((_, i) => Number(BigInt.asIntN(64, stamps[2 * i + 1] - stamps[2 * i])) / 1e6);
  } finally {
    for (const object of [back, resolved, queries]) object.destroy();
  }
}
