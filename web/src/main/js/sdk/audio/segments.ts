/* From the probability of speech in each frame to the segments that hold speech. */

export interface SegmentOptions {
  /** Probability from which a frame begins speech; it ends at one of 0.15 less. */
  threshold: number;
  /** Seconds that a segment lasts at least; shorter ones are dropped. */
  minSpeech: number;
  /** Seconds of silence that end a segment. */
  minSilence: number;
  /** Seconds that are added at both ends. */
  pad: number;
}

/** In seconds from the sound's beginning. */
export interface Segment {
  start: number;
  end: number;
}

const HYSTERESIS = 0.15;

/** Segments of a sound of so many seconds, whose frames last `frame` seconds each. */
export function segmentsOf(
  probabilities: ArrayLike<number>,
  frame: number,
  seconds: number,
  { threshold, minSpeech, minSilence, pad }: SegmentOptions,
): Segment[] {
  const found: Segment[] = [];
  // Counted in frames, for seconds do not add up exactly.
  const framesOf = (length: number) => Math.ceil(length / frame - 1e-6);
  const speech = framesOf(minSpeech);
  const pause = framesOf(minSilence);
  let start = -1; // of the segment that goes on
  let silence = -1; // where it may have ended
  const close = (end: number) => {
    if (end - start >= speech) {
      found.push({ start: start * frame, end: Math.min(end * frame, seconds) });
    }
    start = silence = -1;
  };
  for (let i = 0; i < probabilities.length; i++) {
    const p = probabilities[i]!;
    if (p >= threshold) {
      silence = -1;
      start = start < 0 ? i : start;
    } else if (start >= 0 && p < threshold - HYSTERESIS) {
      silence = silence < 0 ? i : silence;
      if (i + 1 - silence >= pause) {
        close(silence);
      }
    }
  }
  if (start >= 0) {
    close(silence < 0 ? probabilities.length : silence);
  }
  return padded(found, seconds, pad);
}

/** Two segments share what lies between them if it is too short for both. */
function padded(segments: readonly Segment[], seconds: number, pad: number): Segment[] {
  return segments.map(({ start, end }, i) => {
    const before = start - (segments[i - 1]?.end ?? -Infinity);
    const after = (segments[i + 1]?.start ?? Infinity) - end;
    return {
      start: Math.max(0, start - Math.min(pad, before / 2)),
      end: Math.min(seconds, end + Math.min(pad, after / 2)),
    };
  });
}
