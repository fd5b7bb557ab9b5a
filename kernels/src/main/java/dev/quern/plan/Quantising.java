package dev.quern.plan;

import dev.quern.graph.Dim;
import dev.quern.graph.ElementwiseOp;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.graph.Node;
import dev.quern.graph.Products;
import dev.quern.graph.ProgramBuilder;
import dev.quern.graph.Shape;
import dev.quern.kernel.BlockQuantizeKernel;
import dev.quern.kernel.KernelSpec;
import dev.quern.kernel.KernelSpec.Quantised;
import dev.quern.kernel.QuantizeKernel;
import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The steps that quantise one value: its range is taken once, and each form is made once, whoever
 * asks for it.
 */
final class Quantising {
  private final Planner planner;
  private final Node asker;
  private final View x;
  private final Dim size;
  private final Dim columns;
  private final Map<Quantised, View> made = new EnumMap<>(Quantised.class);
  private final Map<Quantised, View> parameters = new EnumMap<>(Quantised.class);
  private final Map<Integer, View> blocks = new TreeMap<>();
  private View pieces;

  private Quantising(Planner planner, Node asker, String value) {
    this.planner = planner;
    this.asker = asker;
    Shape shape = planner.shape(value);
    planner.needFloat(value);
    x = planner.view(value);
    size = shape.size();
    columns = shape.rank() == 0 ? Dim.ONE : shape.dim(-1);
  }

  /** The steps for a value; a node asks for them. */
  static Quantising of(Planner planner, Node asker, String value) {
    return planner
        .quantised()
        .computeIfAbsent(value, name -> new Quantising(planner, asker, value));
  }

  /** Where the value lies in a form. */
  View view(Quantised to) {
    View known = made.get(to);
    if (known != null) {
      return known;
    }
    String name = asker.name();
    boolean byRows = to.byRows();
    Dim rows = columns.is(0) ? Dim.ZERO : size.dividedBy(columns);
    View target =
        switch (to) {
          case U8 -> planner.temporary(name, size, DataType.UINT8);
          case BYTES -> planner.temporary(name, rows.times(padded(4)), DataType.UINT8);
          case DIGITS -> planner.temporary(name, rows.times(padded(4)), DataType.INT16);
          case I16, ROWS -> planner.temporary(name, rows.times(padded(2)), DataType.INT16);
        };
    View facts = planner.temporary(name, byRows ? rows : Dim.of(2), DataType.FLOAT);
    Dim count = size.plus(Dim.of(QuantizeKernel.PIECE - 1)).dividedBy(Dim.of(QuantizeKernel.PIECE));
    if (!byRows) {
      range(count);
    }
    int most = columns.isConstant() ? QuantizeKernel.magnitude((int) columns.constant()) : 1;
    most = to == Quantised.DIGITS ? QuantizeKernel.TWO_DIGITS : most;
    planner.step(
        name,
        new KernelSpec.Quantize(to),
        List.of(
            x.address(),
            byRows ? Arg.number(0) : pieces.address(),
            Arg.number(count),
            target.address(),
            facts.address(),
            Arg.number(columns),
            Arg.number(most)),
        new Work.Items(rows, columns),
        Dim.ZERO,
        size.times(Dim.of(3)));
    made.put(to, target);
    parameters.put(to, facts);
    return target;
  }

  /** Columns, rounded up to a multiple. */
  private Dim padded(int to) {
    return columns.plus(Dim.of(to - 1)).dividedBy(Dim.of(to)).times(Dim.of(to));
  }

  /** Where the value lies in blocks of i8 or i16: see {@link BlockQuantizeKernel}. */
  View blocks(int block) {
    View known = blocks.get(block);
    if (known != null) {
      return known;
    }
    int k = (int) columns.constant();
    Dim rows = size.dividedBy(columns);
    View target =
        planner.temporary(
            asker.name(),
            rows.times(Dim.of(BlockQuantizeKernel.rowBytes(k, block))),
            DataType.UINT8);
    planner.step(
        asker.name(),
        new KernelSpec.QuantizeBlocks(k, block),
        List.of(x.address(), target.address()),
        new Work.Items(rows.times(Dim.of((k + block - 1) / block)), Dim.of(block)),
        Dim.of(BlockQuantizeKernel.scratch(block)),
        size.times(Dim.of(3)));
    blocks.put(block, target);
    return target;
  }

  private void range(Dim count) {
    if (pieces == null) {
      pieces = planner.temporary(asker.name(), count.times(Dim.of(2)), DataType.FLOAT);
      planner.step(
          asker.name(),
          new KernelSpec.Range(),
          List.of(x.address(), pieces.address(), Arg.number(size)),
          new Work.Items(count, Dim.of(QuantizeKernel.PIECE)),
          Dim.ZERO,
          size.times(Dim.of(2)));
    }
  }

  /** Where its scale and zero point lie, two f32; by rows, a scale for each. */
  View parameters(Quantised to) {
    view(to);
    return parameters.get(to);
  }

  /** The steps of {@code quern.DynamicQuantize}. */
  static void lower(Planner planner, Node node) {
    String value = node.inputs().getFirst();
    Quantising steps = of(planner, node, value);
    int part = (int) node.integer("part", 0);
    if (part == 0) {
      planner.alias(node.output(), steps.view(Quantised.U8));
      return;
    }
    // Scale and zero point come with any form: that of a product if there is one.
    Quantised form = Quantised.U8;
    for (Node reader : planner.consumers(value)) {
      if (Products.isDynamic(reader)) {
        form = planner.bytes() ? Quantised.BYTES : Quantised.I16;
      }
    }
    View facts = steps.parameters(form);
    if (part == 1) {
      planner.alias(node.output(), facts);
      return;
    }
    ElementwiseProgram cast =
        ElementwiseProgram.single(ElementwiseOp.CAST, DataType.UINT8, List.of(DataType.FLOAT));
    Lowering.elementwise(
        planner,
        node.name(),
        cast,
        Shape.SCALAR,
        planner.define(node.output()),
        List.of(new View(facts.base(), Dim.of(4), 0)),
        List.of(List.of()));
  }

  /** The steps of {@code quern.MatMulInteger}: both operands become i32, less their zero points. */
  static void lowerProduct(Planner planner, Node node) {
    Shape out = planner.shape(node.output());
    View a = widened(planner, node, 0, out);
    View b = widened(planner, node, 1, out);
    Dim n = out.dim(-1);
    Dim k = planner.shape(node.inputs().getFirst()).dim(-1);
    View c = planner.define(node.output());
    planner.step(
        node.name(),
        new KernelSpec.IntegerMatmul(),
        List.of(
            a.address(),
            b.address(),
            c.address(),
            Arg.number(out.dim(-2)),
            Arg.number(k),
            Arg.number(n)),
        new Work.Items(out.product(0, out.rank() - 1), n.times(k)),
        Dim.ZERO,
        out.size().times(k).times(Dim.of(2)));
  }

  /** An operand as i32 less its zero point, with a matrix for each of the batch. */
  private static View widened(Planner planner, Node node, int side, Shape out) {
    String name = node.inputs().get(side);
    Shape own = planner.shape(name);
    List<Dim> dims = new ArrayList<>(out.dims().subList(0, out.rank() - 2));
    dims.addAll(own.dims().subList(own.rank() - 2, own.rank()));
    Shape shape = new Shape(dims);
    DataType type = planner.type(name);
    boolean zero = node.has(2 + side);
    ProgramBuilder p = new ProgramBuilder(zero ? List.of(type, type) : List.of(type));
    int number = p.typed(ElementwiseOp.CAST, DataType.INT32, 0);
    List<View> views = new ArrayList<>(List.of(planner.view(name)));
    List<List<Dim>> strides = new ArrayList<>(List.of(Axis.broadcast(own, shape)));
    if (zero) {
      String point = node.inputs().get(2 + side);
      views.add(planner.view(point));
      strides.add(Axis.broadcast(planner.shape(point), shape));
      p.op(ElementwiseOp.SUB, number, p.typed(ElementwiseOp.CAST, DataType.INT32, 1));
    }
    View wide = planner.temporary(node.name(), shape.size(), DataType.INT32);
    Lowering.elementwise(planner, node.name(), p.build(), shape, wide, views, strides);
    return wide;
  }
}
