/** Of the largest magnitude in a tensor: both round, each in its own order. */
const TOLERANCE = 1e-2;
/** The same where the CPU rounds one side of products to 8 bits. */
const ROUGH = 1e-1;

const largest = (data) => {
  let most = 0;
  for (const value of data) if (Number.isFinite(value)) most = Math.max(most, Math.abs(value));
  return most;
};

/** Whether two devices computed the same but for rounding: what is wrong with the first, or null. Compares tensors of f32. */
export function disagreement(found, expected, rounds = false) {
  for (const [name, { type, data }] of Object.entries(expected)) {
    if (type !== 'float32') continue; // such as the place of a maximum, which rounding decides
    const allowed = (rounds ? ROUGH : TOLERANCE) * largest(data);
    const other = found[name].data;
    for (let i = 0; i < data.length; i++) {
      const [a, b] = [other[i], data[i]];
      if (Object.is(a, b) || a === b || Math.abs(a - b) <= allowed) continue;
      return `output "${name}"[${i}] is ${a}, the CPU's ${b}.`;
    }
  }
  return null;
}
