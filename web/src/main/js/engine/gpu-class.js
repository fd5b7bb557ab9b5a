// What measurements on a GPU are filed under.

/** Small letters and digits, words parted by '-': the form of a device class. */
const keyed = (words, most) =>
  words
    .map((word) => (word ?? '').toLowerCase().replace(/[^a-z0-9]+/g, ''))
    .filter(Boolean)
    .join('-')
    .slice(0, most);

/** The class of an adapter, such as "gpu-google-swiftshader"; a mode that is not the core's is part of it. */
export function classOf({ vendor, architecture }, featureLevel) {
  const mode = featureLevel === 'core' ? '' : featureLevel;
  return keyed(['gpu', vendor || 'unknown', architecture, mode], 44);
}

/** What schedules are shared under: another version of a browser compiles shaders in another way. */
export const schedulesOf = (adapterClass, browser) => `${adapterClass}-${keyed([browser], 18)}`;
