const TIMES = 3;
/** A GPU this much slower at its first timed run is not asked again at these sizes. */
const HOPELESS = 3;
/** Sizes whose work is within this factor of others' share their winner. */
const ALIKE = 2;

const median = (times) => [...times].sort((a, b) => a - b)[times.length >> 1];

/**
 * Who answers, the CPU or the GPU: at each set of sizes the CPU first, then the GPU once it is ready, each as often as it takes
 * to time it; the faster goes on. Runs that are timed are answers like all others.
 */
export class Contest {
  constructor() {
    this.sets = new Map();
  }

  set(key) {
    let set = this.sets.get(key);
    if (!set) {
      set = { shape: key, flops: 0, times: { cpu: [], gpu: [] }, winner: null };
      this.sets.set(key, set);
    }
    return set;
  }

  /** Who is next to run these sizes. */
  next(key) {
    const { winner, times } = this.set(key);
    return winner ?? (times.cpu.length < TIMES ? 'cpu' : 'gpu');
  }

  winner(key) {
    return this.sets.get(key)?.winner ?? null;
  }

  /**
   * Takes the milliseconds of a run; the first one of either at these sizes prepares things and does not count. Returns whether
   * it is decided by that.
   */
  took(key, who, { milliseconds, first, shape, flops }) {
    const set = this.set(key);
    if (set.winner || first) return false;
    Object.assign(set, { shape, flops });
    set.times[who].push(milliseconds);
    const { cpu, gpu } = set.times;
    const alike = [...this.sets.values()].find(
      (other) => other.winner && other.flops <= flops * ALIKE && other.flops >= flops / ALIKE,
    );
    if (alike) set.winner = alike.winner;
    else if (gpu[0] > HOPELESS * median(cpu)) set.winner = 'cpu';
    else if (gpu.length >= TIMES) set.winner = median(gpu) < median(cpu) ? 'gpu' : 'cpu';
    return set.winner !== null;
  }

  /** What was measured: milliseconds, the median of each. */
  results() {
    return [...this.sets.values()]
      .filter(({ times, winner }) => winner && times.gpu.length)
      .map(({ shape, times, winner }) => ({
        shape,
        cpu: median(times.cpu),
        gpu: median(times.gpu),
        winner,
      }));
  }
}
