package dev.quern.plan;

import dev.quern.graph.Constant;
import dev.quern.graph.Dim;
import dev.quern.graph.ElementwiseOp;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.graph.Node;
import dev.quern.graph.Products;
import dev.quern.graph.ProgramBuilder;
import dev.quern.graph.Shape;
import dev.quern.kernel.KernelException;
import dev.quern.kernel.KernelSpec;
import dev.quern.kernel.KernelSpec.Extra;
import dev.quern.kernel.KernelSpec.Layout;
import dev.quern.kernel.KernelSpec.Quantised;
import dev.quern.kernel.MatmulKernel;
import dev.quern.kernel.WeightFormat;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;

/**
 * Matrix products. Constant weights of two dimensions are packed, and all leading dimensions of A
 * become rows; anything else is a batch of products of row-major matrices.
 */
final class MatmulLowering {
  private final Planner planner;
  private final Node node;
  private final int parts;
  private final boolean transposed;
  private final Shape out;
  private View a;
  private View b;
  private Dim aBatch;
  private Dim bBatch;
  private Dim k;
  private Dim n;
  private WeightFormat format = WeightFormat.F32;

  /** What {@link MatmulKernel#FACT} says. */
  private Arg fact;

  /** For formats of whole numbers: A's scales, bytes from a row's to the next, B's scales. */
  private View aScales;

  private Dim aScaleStride;
  private View bScales;

  private MatmulLowering(Planner planner, Node node) {
    this.planner = planner;
    this.node = node;
    this.parts = Products.parts(node);
    this.transposed = node.integer("transB", 0) == 1;
    this.out = planner.shape(node.output());
  }

  static void lower(Planner planner, Node node) {
    MatmulLowering lowering = new MatmulLowering(planner, node);
    planner.needFloat(node.inputs().get(0));
    boolean scaled = Products.isScaled(node);
    boolean half = planner.type(node.inputs().get(1)) == DataType.FLOAT16;
    if (!scaled && !half) {
      planner.needFloat(node.inputs().get(1));
    }
    if (Products.isBlocks(node)) {
      lowering.blocks();
    } else if (lowering.packable()) {
      lowering.packed();
    } else if (scaled) {
      throw new KernelException("its weights of 8 bits are no constants");
    } else {
      lowering.rows();
    }
  }

  private boolean packable() {
    for (String name : weights()) {
      Constant weight = planner.constant(name);
      if (weight == null || weight.shape().rank() != 2) {
        return false;
      }
      if (parts > 1 && weight.shape().dim(transposed ? 0 : 1).constant() % 4 != 0) {
        throw new KernelException("parts of " + weight.shape() + " are no multiple of 4 wide");
      }
    }
    return planner.shape(node.inputs().get(0)).rank() > 0;
  }

  private List<String> weights() {
    List<String> names = new ArrayList<>();
    for (int part = 0; part < parts; part++) {
      names.add(node.inputs().get(Products.weights(node, part)));
    }
    return names;
  }

  private void packed() {
    Shape weight = planner.shape(node.inputs().get(1));
    k = weight.dim(transposed ? 1 : 0);
    n = Dim.ZERO;
    for (String name : weights()) {
      n = n.plus(planner.shape(name).dim(transposed ? 0 : 1));
    }
    if (k.is(0) || n.is(0)) {
      throw new KernelException("its weights " + weight + " are empty");
    }
    List<byte[]> zeros = new ArrayList<>();
    if (Products.isScaled(node)) {
      zeros = quantise();
    } else {
      a = planner.view(node.inputs().get(0));
      boolean half = planner.type(node.inputs().get(1)) == DataType.FLOAT16;
      format = half ? WeightFormat.F16 : WeightFormat.F32;
    }
    int id = planner.weight(weights(), zeros, format, (int) k.constant(), transposed);
    b = View.of(new Base.OfWeight(id));
    bBatch = Dim.ZERO;
    if (format == WeightFormat.F16 || format.isBytes()) {
      fact = new Arg(new Base.OfFact(id), Dim.ZERO);
    }
    // A vector A gives a vector; otherwise all dimensions but the last are rows.
    boolean vector = planner.shape(node.inputs().get(0)).rank() == 1;
    Shape full = vector ? new Shape(List.of(Dim.ONE, n)) : out;
    emit(Layout.PANELS, full, true);
  }

  /** Weights of few bits; A may be quantised as well, for when it has few rows. */
  private void blocks() {
    List<String> names = new ArrayList<>(node.inputs().subList(1, 3));
    if (node.has(3)) {
      names.add(node.inputs().get(3));
    }
    Constant weight = planner.constant(names.getFirst());
    int block = (int) node.integer("block", 0);
    format =
        WeightFormat.blocks(
            (int) node.integer("bits", 4), block, node.has(3), node.integer("quantised", 0) != 0);
    k = planner.shape(node.inputs().getFirst()).dim(-1);
    if (weight == null || planner.constant(names.get(1)) == null || !k.isConstant()) {
      throw new KernelException("its weights are no constants");
    }
    n = weight.shape().dim(0);
    a = planner.view(node.inputs().getFirst());
    if (format.quantised()) {
      View blocks = Quantising.of(planner, node, node.inputs().getFirst()).blocks(block);
      fact = blocks.address();
    }
    b = View.of(new Base.OfWeight(planner.weight(names, format, (int) k.constant(), false)));
    bBatch = Dim.ZERO;
    emit(Layout.PANELS, out, true);
  }

  /** A as whole numbers, the scales of both sides, and a format that holds the weights. */
  private List<byte[]> quantise() {
    boolean dynamic = Products.isDynamic(node);
    List<byte[]> zeros = new ArrayList<>();
    byte[] scales = new byte[4 * (int) n.constant()];
    int at = 0;
    WeightFormat narrow = dynamic ? WeightFormat.BYTES : WeightFormat.DIGITS;
    format = planner.bytes() ? narrow : WeightFormat.I8;
    for (int part = 0; part < parts; part++) {
      int first = Products.weights(node, part);
      Constant weight = planner.constant(node.inputs().get(first));
      Constant scale = planner.constant(node.inputs().get(first + 1));
      Constant zero = node.has(first + 2) ? planner.constant(node.inputs().get(first + 2)) : null;
      int width = (int) weight.shape().dim(transposed ? 0 : 1).constant();
      byte[] points = new byte[width];
      byte fitting = (byte) (weight.type() == DataType.UINT8 ? 128 : 0);
      for (int i = 0; i < width; i++) {
        points[i] = (byte) (zero == null ? 0 : zero.integer(zero.size() == 1 ? 0 : i));
        if (points[i] != fitting) {
          format = WeightFormat.I16;
        }
        scale.data().copyTo(scale.size() == 1 ? 0 : 4L * i, scales, at, 4);
        at += 4;
      }
      zeros.add(points);
    }
    Quantised form =
        format.isBytes()
            ? dynamic ? Quantised.BYTES : Quantised.DIGITS
            : dynamic ? Quantised.I16 : Quantised.ROWS;
    Quantising steps = Quantising.of(planner, node, node.inputs().get(0));
    a = steps.view(form);
    aScales = steps.parameters(form);
    aScaleStride = Dim.of(dynamic ? 0 : 4);
    String name = node.output() + ":scales";
    bScales =
        planner.weight(
            new Constant(name, DataType.FLOAT, Shape.of(n.constant()), Bytes.of(scales)));
    return zeros;
  }

  private void rows() {
    if (parts != 1) {
      throw new KernelException("several weights in one product must all be constants");
    }
    String left = node.inputs().get(0);
    String right = node.inputs().get(1);
    Shape aShape = matrix(planner.shape(left), true);
    Shape bShape = matrix(planner.shape(right), false);
    b = planner.view(right);
    if (transposed) {
      bShape = transpose(bShape);
    }
    k = bShape.dim(-2);
    n = bShape.dim(-1);
    a = planner.view(left);
    // Dimensions that numpy drops where an operand is a vector come back as ones.
    List<Dim> dims = new ArrayList<>();
    int batchRank = Math.max(aShape.rank(), bShape.rank()) - 2;
    dims.addAll(out.dims().subList(0, batchRank));
    Shape batch = new Shape(dims);
    dims.add(aShape.dim(-2));
    dims.add(n);
    Dim aMatrix = aShape.dim(-2).times(k);
    if (bShape.rank() == 2) {
      bBatch = Dim.ZERO;
      emit(Layout.ROWS, new Shape(dims), true);
      return;
    }
    Shape aLead = new Shape(aShape.dims().subList(0, aShape.rank() - 2));
    Shape bLead = new Shape(bShape.dims().subList(0, bShape.rank() - 2));
    aBatch = batchStride(aLead, batch, aMatrix);
    if (aBatch == null) {
      a = spread(a, aShape, batch);
      aBatch = aMatrix;
    }
    bBatch = batchStride(bLead, batch, k.times(n));
    if (bBatch == null) {
      b = spread(b, bShape, batch);
      bBatch = k.times(n);
    }
    emit(Layout.ROWS, new Shape(List.of(batch.size(), aShape.dim(-2), n)), false);
  }

  private static Shape matrix(Shape shape, boolean left) {
    if (shape.rank() > 1) {
      return shape;
    }
    if (shape.rank() == 0) {
      throw new KernelException("a scalar cannot be multiplied as a matrix");
    }
    Dim length = shape.dim(0);
    return new Shape(left ? List.of(Dim.ONE, length) : List.of(length, Dim.ONE));
  }

  private Shape transpose(Shape shape) {
    List<Dim> strides = Axis.contiguous(shape);
    List<Dim> dims = new ArrayList<>(shape.dims());
    int last = dims.size() - 1;
    swap(strides, last);
    swap(dims, last);
    Shape turned = new Shape(dims);
    b = Copies.materialise(planner, node.name(), DataType.FLOAT, b, strides, turned);
    return turned;
  }

  private static void swap(List<Dim> list, int last) {
    Dim kept = list.get(last);
    list.set(last, list.get(last - 1));
    list.set(last - 1, kept);
  }

  /** Floats from one matrix to the next, 0 if one serves all, null if neither is so. */
  private static Dim batchStride(Shape lead, Shape batch, Dim matrix) {
    if (lead.size().is(1) && !batch.size().is(1)) {
      return Dim.ZERO;
    }
    return lead.size().equals(batch.size()) ? matrix : null;
  }

  private View spread(View from, Shape shape, Shape batch) {
    List<Dim> dims = new ArrayList<>(batch.dims());
    dims.addAll(shape.dims().subList(shape.rank() - 2, shape.rank()));
    Shape box = new Shape(dims);
    return Copies.materialise(
        planner, node.name(), DataType.FLOAT, from, Axis.broadcast(shape, box), box);
  }

  /**
   * Appends the step.
   *
   * @param full the result's shape with its rows and columns as the last two dimensions
   * @param flatten whether leading dimensions may be taken as rows, since one B serves all
   */
  private void emit(Layout layout, Shape full, boolean flatten) {
    ElementwiseProgram program = node.hasProgram() ? node.program("program") : null;
    List<String> names = node.inputs().subList(Products.extras(node), node.inputs().size());
    List<List<Dim>> strides = new ArrayList<>();
    List<View> views = new ArrayList<>();
    if (format.isWhole()) {
      // Scaling is the epilogue's first act.
      program = scaling(program);
      views.add(aScales);
      strides.add(aScaleStrides(full));
      views.add(bScales);
      strides.add(Axis.broadcast(new Shape(List.of(n)), full));
    }
    for (String name : names) {
      planner.needFloat(name);
      List<Dim> own = extraStrides(planner.shape(name), full);
      if (own == null) {
        List<Dim> spread = Axis.broadcast(planner.shape(name), out);
        View from = planner.view(name);
        views.add(Copies.materialise(planner, node.name(), DataType.FLOAT, from, spread, out));
        strides.add(Axis.contiguous(full));
      } else {
        views.add(planner.view(name));
        strides.add(own);
      }
    }
    Shape lead = new Shape(full.dims().subList(0, full.rank() - 1));
    List<Axis> axes = Axis.of(lead, leading(strides));
    if (flatten) {
      axes = Axis.merge(axes);
      if (axes.size() > 2) {
        for (int i = 0; i < views.size(); i++) {
          views.set(
              i,
              Copies.materialise(
                  planner, node.name(), DataType.FLOAT, views.get(i), strides.get(i), full));
          strides.set(i, Axis.contiguous(full));
        }
        axes = Axis.merge(Axis.of(lead, leading(strides)));
      }
    }
    Axis rows = axes.isEmpty() ? null : axes.get(axes.size() - 1);
    Dim m = rows == null ? Dim.ONE : rows.size();
    Axis batches = axes.size() < 2 ? null : axes.get(0);
    Dim batch = batches == null ? Dim.ONE : batches.size();
    if (aBatch == null) {
      aBatch = m.times(k.isConstant() ? Dim.of(format.rowBytes((int) k.constant()) / 4) : k);
    }
    View c = planner.define(node.output());
    Dim four = Dim.of(4);
    List<Arg> args = new ArrayList<>();
    args.add(a.address());
    args.add(b.address());
    args.add(c.address());
    args.add(Arg.number(m));
    args.add(fact == null ? Arg.number(k) : fact);
    args.add(Arg.number(n));
    args.add(Arg.number(aBatch.times(four)));
    args.add(Arg.number(bBatch.times(four)));
    args.add(Arg.number(m.times(n).times(four)));
    while (args.size() < MatmulKernel.EXTRAS) {
      args.add(Arg.number(0));
    }
    List<Extra> extras = new ArrayList<>();
    for (int i = 0; i < views.size(); i++) {
      Dim column = strides.get(i).get(full.rank() - 1);
      extras.add(column.is(1) ? Extra.VECTOR : Extra.SPLAT);
      args.add(views.get(i).address());
      args.add(Arg.number(rows == null ? Dim.ZERO : rows.strides().get(i).times(four)));
      args.add(Arg.number(batches == null ? Dim.ZERO : batches.strides().get(i).times(four)));
    }
    boolean packed = layout == Layout.PANELS;
    planner.step(
        node.name(),
        new KernelSpec.Matmul(
            packed ? (int) k.constant() : 0,
            packed ? (int) n.constant() : 0,
            layout,
            format,
            program,
            extras),
        args,
        new Work.Blocks(batch, m, n),
        Dim.of(packed ? MatmulKernel.scratch(format, (int) k.constant()) : 0),
        batch.times(m).times(n).times(k).times(Dim.of(2)));
  }

  /** {@code sums · (scale of A's row · scale of the column)}, then the node's own epilogue. */
  private static ElementwiseProgram scaling(ElementwiseProgram then) {
    DataType f32 = DataType.FLOAT;
    List<DataType> types = new ArrayList<>(List.of(f32, f32, f32));
    if (then != null) {
      types.addAll(then.inputs().subList(1, then.inputs().size()));
    }
    ProgramBuilder p = new ProgramBuilder(types);
    int value = p.op(ElementwiseOp.MUL, 0, p.op(ElementwiseOp.MUL, 1, 2));
    if (then == null) {
      return p.build(value);
    }
    int inputs = then.inputs().size();
    int[] registers = new int[then.registers()];
    registers[0] = value;
    for (int i = 1; i < inputs; i++) {
      registers[i] = 2 + i;
    }
    for (int i = 0; i < then.instructions().size(); i++) {
      ElementwiseProgram.Instruction step = then.instructions().get(i);
      List<Integer> operands = new ArrayList<>();
      for (int operand : step.operands()) {
        operands.add(registers[operand]);
      }
      registers[inputs + i] = p.append(step.op(), step.type(), operands, step.number());
    }
    return p.build(registers[inputs + then.instructions().size() - 1]);
  }

  /** Strides, in floats, of the scales of A's rows. */
  private List<Dim> aScaleStrides(Shape full) {
    List<Dim> dims = new ArrayList<>(full.dims());
    dims.set(dims.size() - 1, Dim.ONE);
    return Axis.broadcast(aScaleStride.is(0) ? Shape.SCALAR : new Shape(dims), full);
  }

  /**
   * Strides of an extra along {@code full}, which may have a row that the node's output lacks, or
   * axes of its in one; null if there are none.
   */
  private List<Dim> extraStrides(Shape extra, Shape full) {
    if (full.rank() == out.rank() && full.equals(out)) {
      return Axis.broadcast(extra, full);
    }
    // Same elements under other dimensions: only a full operand or a vector of columns is clear.
    if (extra.size().equals(full.size())) {
      return Axis.contiguous(full);
    }
    if (extra.rank() <= 1) {
      return Axis.broadcast(extra, full);
    }
    return null;
  }

  /** The strides without the last dimension. */
  private static List<List<Dim>> leading(List<List<Dim>> strides) {
    List<List<Dim>> result = new ArrayList<>();
    for (List<Dim> operand : strides) {
      result.add(operand.subList(0, operand.size() - 1));
    }
    return result;
  }
}
