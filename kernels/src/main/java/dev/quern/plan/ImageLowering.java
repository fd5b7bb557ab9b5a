package dev.quern.plan;

import dev.quern.graph.Dim;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.graph.Node;
import dev.quern.graph.Shape;
import dev.quern.graph.Window;
import dev.quern.kernel.ConvKernel;
import dev.quern.kernel.KernelException;
import dev.quern.kernel.KernelSpec;
import dev.quern.kernel.KernelSpec.Operand;
import dev.quern.kernel.TileChoice;
import dev.quern.onnx.DataType;
import dev.quern.onnx.Halves;
import java.util.ArrayList;
import java.util.List;

/** Convolutions, pools and pads. Images are {@code [n, h, w, c]} unless said otherwise. */
final class ImageLowering {
  private static final Dim FOUR = Dim.of(4);

  /**
   * Bytes of an image's rows that stay in the second-level cache during a pass over the weights.
   */
  private static final long ROWS_BYTES = 128 << 10;

  /** Most columns of a segment, where an image of one row is cut for the threads. */
  private static final long SEGMENT = 48;

  private final Planner planner;
  private final Node node;
  private final Shape out;

  private ImageLowering(Planner planner, Node node) {
    this.planner = planner;
    this.node = node;
    out = planner.shape(node.output());
  }

  static void conv(Planner planner, Node node) {
    planner.needFloat(node.inputs().get(0));
    ImageLowering lowering = new ImageLowering(planner, node);
    Shape image = planner.shape(node.inputs().get(0));
    Shape weights = planner.shape(node.inputs().get(1));
    long groups = node.integer("group", 1);
    boolean depthwise = groups > 1 && weights.dim(1).is(1) && weights.dim(0).is(groups);
    if (!image.dim(node.integer("planes", 0) != 0 ? 1 : 3).isConstant()) {
      throw new KernelException("the number of its channels is known at run time only");
    }
    if (depthwise) {
      lowering.depthwise((int) groups);
    } else {
      lowering.dense((int) groups);
    }
  }

  /**
   * Where a window of single channels walks: along a column where the image is one row, because its
   * rows are what threads share.
   */
  private record Walk(Window window, boolean turned, Shape image, Shape out) {
    static Walk of(Node node, Shape image, Shape out) {
      Window window = Window.of(node);
      return window.isLine(image.dim(1))
          ? new Walk(window.turned(), true, turned(image), turned(out))
          : new Walk(window, false, image, out);
    }

    private static Shape turned(Shape shape) {
      return new Shape(List.of(shape.dim(0), shape.dim(2), shape.dim(1), shape.dim(3)));
    }
  }

  private Walk walk() {
    return Walk.of(node, planner.shape(node.inputs().get(0)), out);
  }

  private void depthwise(int channels) {
    Walk walk = walk();
    Window window = walk.window;
    Shape image = walk.image;
    Shape result = walk.out;
    View x = planner.view(node.inputs().get(0));
    View w = View.of(new Base.OfWeight(planner.windows(node.inputs().get(1), 1, false)));
    Extras extras = extras(walk.turned);
    View y = planner.define(node.output());
    List<Arg> args = new ArrayList<>();
    args.add(x.address());
    args.add(w.address());
    args.add(y.address());
    args.add(Arg.number(image.dim(1)));
    args.add(Arg.number(image.dim(2)));
    args.add(Arg.number(result.dim(1)));
    args.add(Arg.number(result.dim(2)));
    args.add(Arg.number(window.top()));
    args.add(Arg.number(window.left()));
    args.addAll(extras.args);
    Dim row = result.dim(2).times(result.dim(3));
    int taps = window.kernelH() * window.kernelW();
    boolean known =
        image.dim(2).isConstant() && result.dim(2).isConstant() && window.left().isConstant();
    planner.step(
        node.name(),
        new KernelSpec.Depthwise(
            channels,
            known ? (int) image.dim(2).constant() : 0,
            known ? (int) result.dim(2).constant() : 0,
            known ? (int) window.left().constant() : 0,
            window.kernelH(),
            window.kernelW(),
            window.strideH(),
            window.strideW(),
            window.dilationH(),
            window.dilationW(),
            extras.program,
            extras.operands),
        args,
        new Work.Items(result.dim(0).times(result.dim(1)), row.times(Dim.of(taps))),
        Dim.ZERO,
        result.size().times(Dim.of(2L * taps)));
  }

  private void dense(int groups) {
    boolean planes = node.integer("planes", 0) != 0;
    Window window = Window.of(node);
    Shape image = planner.shape(node.inputs().get(0));
    Shape weights = planner.shape(node.inputs().get(1));
    int channels = (int) weights.dim(1).constant();
    int width = (int) weights.dim(0).constant() / groups;
    View x = planner.view(node.inputs().get(0));
    Dim h = image.dim(planes ? 2 : 1);
    Dim w = image.dim(planes ? 3 : 2);
    Dim pixel = planes ? FOUR : image.dim(3).times(FOUR);
    if (!window.isUnpadded()) {
      List<Dim> pads = window.pads();
      Dim outer = planes ? image.dim(0).times(image.dim(1)) : image.dim(0);
      Dim bytes = w.times(pixel);
      x =
          padded(
              x,
              DataType.FLOAT,
              0,
              outer,
              new Dim[] {h, pads.get(0), pads.get(2)},
              new Dim[] {bytes, pads.get(1).times(pixel), pads.get(3).times(pixel)});
      h = h.plus(pads.get(0)).plus(pads.get(2));
      w = w.plus(pads.get(1)).plus(pads.get(3));
    }
    View packed =
        View.of(new Base.OfWeight(planner.windows(node.inputs().get(1), groups, !planes)));
    Extras extras = extras(false);
    View y = planner.define(node.output());
    long columns = out.dim(2).isConstant() ? out.dim(2).constant() : 56;
    TileChoice tile = TileChoice.best((int) columns, width);
    KernelSpec.Conv spec =
        new KernelSpec.Conv(
            channels,
            width,
            groups,
            window.kernelH(),
            window.kernelW(),
            window.strideH(),
            window.strideW(),
            window.dilationH(),
            window.dilationW(),
            planes,
            tile.mr(),
            tile.nr(),
            extras.program,
            extras.operands);
    Dim row = w.times(pixel);
    Dim plane = h.times(row);
    List<Arg> args = new ArrayList<>();
    args.add(x.address());
    args.add(packed.address());
    args.add(y.address());
    args.add(Arg.number(out.dim(1)));
    args.add(Arg.number(out.dim(2)));
    args.add(Arg.number(planes ? plane.times(image.dim(1)) : plane));
    args.add(Arg.number(row));
    args.add(Arg.number(plane));
    Dim segment = out.dim(2);
    Dim segments = Dim.ONE;
    Dim passed = row.times(Dim.of(window.strideH()));
    if (out.dim(1).is(1)) {
      Dim step = pixel.times(Dim.of(window.strideW()));
      segment = Dim.of(segment(step, tile.mr()));
      segments = out.dim(2).plus(segment).plus(Dim.of(-1)).dividedBy(segment).max(Dim.ONE);
      passed = segment.times(step);
    }
    args.add(Arg.number(Dim.of(ROWS_BYTES).dividedBy(passed.max(Dim.ONE)).max(Dim.ONE)));
    args.add(Arg.number(segment));
    args.add(Arg.number(segments));
    if (args.size() != ConvKernel.EXTRAS) {
      throw new IllegalStateException("a convolution has other arguments");
    }
    args.addAll(extras.args);
    planner.step(
        node.name(),
        spec,
        args,
        new Work.Items(
            out.dim(0).times(out.dim(1)).times(segments),
            segment.times(out.dim(3)).times(Dim.of(spec.k()))),
        Dim.ZERO,
        out.size().times(Dim.of(2L * spec.k())));
  }

  /**
   * Columns of a segment: whole tiles, of which the cache holds what they read.
   *
   * @param step bytes of the image from one column to the next
   */
  private static long segment(Dim step, int mr) {
    long most = step.isConstant() ? ROWS_BYTES / Math.max(1, step.constant()) : SEGMENT;
    return Math.max(1, Math.min(SEGMENT, most) / mr) * mr;
  }

  /** The epilogue and how its operands are read. */
  private record Extras(ElementwiseProgram program, List<Operand> operands, List<Arg> args) {}

  /**
   * @param turned whether rows are columns
   */
  private Extras extras(boolean turned) {
    if (!node.hasProgram()) {
      return new Extras(null, List.of(), List.of());
    }
    List<Operand> operands = new ArrayList<>();
    List<Arg> args = new ArrayList<>();
    for (String name : node.inputs().subList(2, node.inputs().size())) {
      planner.needFloat(name);
      List<Dim> strides = Axis.broadcast(planner.shape(name), out);
      // A size of 1 has no stride that matters, but the kernels take neighbours from it.
      boolean channels = strides.get(3).is(1) || out.dim(3).is(1);
      boolean pixels = !strides.get(1).is(0) || !strides.get(2).is(0);
      operands.add(!channels ? Operand.PIXELS : pixels ? Operand.ELEMENTS : Operand.CHANNELS);
      args.add(planner.view(name).address());
      for (int axis : turned ? new int[] {0, 2, 1} : new int[] {0, 1, 2}) {
        args.add(Arg.number(strides.get(axis).times(FOUR)));
      }
    }
    return new Extras(node.program("program"), operands, args);
  }

  /**
   * A copy with more around each row, and more rows.
   *
   * @param rows rows of the source, above it and below it
   * @param bytes bytes of a row of the source, before it and behind it
   */
  private View padded(View from, DataType type, double value, Dim outer, Dim[] rows, Dim[] bytes) {
    Dim allRows = rows[0].plus(rows[1]).plus(rows[2]);
    Dim allBytes = bytes[0].plus(bytes[1]).plus(bytes[2]);
    Dim elements = outer.times(allRows).times(allBytes).dividedBy(Dim.of(type.bytes()));
    View to = planner.temporary(node.name(), elements, type);
    pad(from, to, type, value, outer, rows, bytes);
    return to;
  }

  private void pad(
      View from, View to, DataType type, double value, Dim outer, Dim[] rows, Dim[] bytes) {
    Dim allRows = rows[0].plus(rows[1]).plus(rows[2]);
    Dim allBytes = bytes[0].plus(bytes[1]).plus(bytes[2]);
    planner.step(
        node.name(),
        new KernelSpec.Pad(type.bytes(), bits(type, value)),
        List.of(
            from.address(),
            to.address(),
            Arg.number(rows[0]),
            Arg.number(rows[1]),
            Arg.number(allRows),
            Arg.number(bytes[0]),
            Arg.number(bytes[1]),
            Arg.number(bytes[2])),
        new Work.Items(outer.times(allRows), allBytes.dividedBy(FOUR)),
        Dim.ZERO,
        Dim.ZERO);
  }

  private static long bits(DataType type, double value) {
    return switch (type) {
      case FLOAT -> Float.floatToRawIntBits((float) value) & 0xffffffffL;
      case DOUBLE -> Double.doubleToRawLongBits(value);
      case FLOAT16, BFLOAT16 -> Halves.bits(type, (float) value);
      default -> (long) value;
    };
  }

  static void pool(Planner planner, Node node, boolean max) {
    planner.needFloat(node.inputs().get(0));
    ImageLowering lowering = new ImageLowering(planner, node);
    Walk walk = lowering.walk();
    Window window = walk.window;
    Shape image = walk.image;
    Shape out = walk.out;
    View x = planner.view(node.inputs().get(0));
    View y = planner.define(node.output());
    Dim row = out.dim(2).times(out.dim(3));
    int taps = window.kernelH() * window.kernelW();
    planner.step(
        node.name(),
        new KernelSpec.Pool(
            max,
            node.integer("count_include_pad", 0) != 0,
            window.kernelH(),
            window.kernelW(),
            window.strideH(),
            window.strideW(),
            window.dilationH(),
            window.dilationW()),
        List.of(
            x.address(),
            y.address(),
            Arg.number(image.dim(1)),
            Arg.number(image.dim(2)),
            Arg.number(out.dim(1)),
            Arg.number(out.dim(2)),
            Arg.number(window.top()),
            Arg.number(window.left()),
            Arg.number(image.dim(3))),
        new Work.Items(out.dim(0).times(out.dim(1)), row.times(Dim.of(taps))),
        Dim.ZERO,
        out.size().times(Dim.of(taps)));
  }

  /** Two neighbouring axes at a time, the last ones first: one step where no others are widened. */
  static void pad(Planner planner, Node node) {
    ImageLowering lowering = new ImageLowering(planner, node);
    DataType type = planner.type(node.output());
    Shape shape = planner.shape(node.inputs().get(0));
    List<Dim> pads = node.dims("pads");
    int rank = shape.rank();
    View at = planner.view(node.inputs().get(0));
    Dim inner = Dim.of(type.bytes());
    List<Integer> axes = new ArrayList<>();
    for (int i = 0; i < rank; i++) {
      if (!pads.get(i).is(0) || !pads.get(rank + i).is(0)) {
        axes.add(i);
      }
    }
    if (axes.isEmpty()) {
      planner.alias(node.output(), at);
      return;
    }
    int behind = rank;
    while (!axes.isEmpty()) {
      int axis = axes.removeLast();
      // What lies behind the axis has its final size by now.
      inner = inner.times(lowering.out.product(axis + 1, behind));
      Dim[] bytes = {
        shape.dim(axis).times(inner),
        pads.get(axis).times(inner),
        pads.get(rank + axis).times(inner)
      };
      boolean two = !axes.isEmpty() && axes.getLast() == axis - 1;
      Dim[] rows = {Dim.ONE, Dim.ZERO, Dim.ZERO};
      if (two) {
        axes.removeLast();
        rows = new Dim[] {shape.dim(axis - 1), pads.get(axis - 1), pads.get(rank + axis - 1)};
      }
      int first = two ? axis - 1 : axis;
      Dim outer = shape.product(0, first);
      double value = node.real("value", 0);
      if (axes.isEmpty()) {
        lowering.pad(at, planner.define(node.output()), type, value, outer, rows, bytes);
      } else {
        at = lowering.padded(at, type, value, outer, rows, bytes);
      }
      inner = bytes[0].plus(bytes[1]).plus(bytes[2]);
      if (two) {
        inner = inner.times(lowering.out.dim(axis - 1));
      }
      behind = first;
    }
  }
}
