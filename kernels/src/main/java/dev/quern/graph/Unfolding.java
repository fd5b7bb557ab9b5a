package dev.quern.graph;

import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;

/**
 * Windows over images of known size as gathers by constant places and a matrix product: for what
 * has no kernel of its own, such as more than two spatial axes or weights that are computed.
 *
 * @param taps elements of the window
 * @param places elements of the result, along all spatial axes
 * @param sources for each tap and place the element of the image's axes, flat, or -1 outside of it
 */
record Unfolding(int taps, int places, int[] sources) {
  /** Elements of the largest table of places. */
  private static final long MOST = 1 << 20;

  /** How an element of the result and a tap say an element of the image, along one axis. */
  private interface Line {
    /** The element, or -1 if there is none. */
    long source(int axis, long place, long tap);
  }

  /** What a window reads; null if sizes are not known or the table would be large. */
  static Unfolding of(Site s, WindowRules.Spans spans) {
    return of(
        s,
        spans,
        (axis, place, tap) ->
            place * spans.strides().get(axis)
                + tap * spans.dilations().get(axis)
                - spans.before().get(axis).constant());
  }

  /** What a transposed window sums; null as above. */
  static Unfolding transposed(Site s, WindowRules.Spans spans) {
    return of(
        s,
        spans,
        (axis, place, tap) -> {
          long reached =
              place + spans.before().get(axis).constant() - tap * spans.dilations().get(axis);
          long stride = spans.strides().get(axis);
          return reached >= 0 && reached % stride == 0 ? reached / stride : -1;
        });
  }

  private static Unfolding of(Site s, WindowRules.Spans spans, Line line) {
    int axes = spans.kernel().size();
    List<Dim> image = s.shape(0).dims().subList(2, 2 + axes);
    long taps = 1;
    long places = 1;
    for (int i = 0; i < axes; i++) {
      Dim output = spans.output().get(i);
      boolean known = image.get(i).isConstant() && output.isConstant();
      if (!known || !spans.before().get(i).isConstant() || output.constant() < 1) {
        return null;
      }
      taps *= spans.kernel().get(i);
      places *= output.constant();
      if (taps > MOST || places > MOST) {
        return null;
      }
    }
    if (taps * places > MOST || taps < 1 || !s.mayMake(taps * places)) {
      return null;
    }
    int[] sources = new int[(int) (taps * places)];
    for (int i = 0; i < sources.length; i++) {
      long place = i % places;
      long tap = i / places;
      long source = 0;
      long step = 1;
      for (int axis = axes - 1; axis >= 0; axis--) {
        long size = image.get(axis).constant();
        long output = spans.output().get(axis).constant();
        long at = line.source(axis, place % output, tap % spans.kernel().get(axis));
        source = source < 0 || at < 0 || at >= size ? -1 : source + at * step;
        step *= size;
        place /= output;
        tap /= spans.kernel().get(axis);
      }
      sources[i] = (int) source;
    }
    return new Unfolding((int) taps, (int) places, sources);
  }

  /** Whether every tap of every place lies in the image. */
  boolean isWhole() {
    for (int source : sources) {
      if (source < 0) {
        return false;
      }
    }
    return true;
  }

  /** {@code [n, c, elements]} to {@code [n, c, taps·places]}, 0 outside of the image. */
  Value read(Compose c, Value image) {
    return read(c, image, 0);
  }

  /**
   * {@code [n, c, taps·elements]} to {@code [n, c, taps·places]}: each tap reads a part of its own.
   */
  Value readOwn(Compose c, Value parts, int elements) {
    return read(c, parts, elements);
  }

  private Value read(Compose c, Value image, int tapStep) {
    List<Long> from = new ArrayList<>();
    double[] inside = new double[sources.length];
    for (int i = 0; i < sources.length; i++) {
      inside[i] = sources[i] < 0 ? 0 : 1;
      from.add(Math.max(0, sources[i]) + (long) (i / places) * tapStep);
    }
    Value all = c.gather(image, 2, from);
    if (isWhole()) {
      return all;
    }
    Value mask = c.constant(Constants.numbers("", DataType.BOOL, Shape.of(inside.length), inside));
    ProgramBuilder p = new ProgramBuilder(List.of(DataType.BOOL, image.type()));
    p.op(ElementwiseOp.WHERE, 0, 1, p.constant(image.type(), 0));
    return c.apply(p, mask, all);
  }
}
