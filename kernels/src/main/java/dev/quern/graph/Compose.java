package dev.quern.graph;

import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes an ONNX node as several canonical nodes, each of which gives a {@link Value}. What is
 * written so is as fast as the kernels of its parts.
 */
final class Compose {
  private final Site site;

  Compose(Site site) {
    this.site = site;
  }

  /** An input of the ONNX node. */
  Value input(int index) {
    return new Value(site.operand(index), site.type(index), site.shape(index));
  }

  /** Says that a value is an output of the ONNX node, if it is wanted. */
  void output(int index, Value value) {
    if (site.wants(index)) {
      site.define(index, value.name(), value.type(), value.shape());
    }
  }

  /** One node. */
  Value node(
      String domain,
      String op,
      List<Value> operands,
      Map<String, Attribute> attributes,
      DataType type,
      Shape shape) {
    List<String> names = new ArrayList<>();
    for (Value operand : operands) {
      names.add(operand.name());
    }
    return new Value(site.between(domain, op, names, attributes, type, shape), type, shape);
  }

  /** One node of an operator that only the reference kernels compute. */
  Value host(
      String op,
      List<Value> operands,
      Map<String, Attribute> attributes,
      DataType type,
      Shape shape) {
    return node(Node.HOST, op, operands, attributes, type, shape);
  }

  /**
   * One node of an operator that only the reference kernels compute, on the ONNX node's inputs,
   * absent ones included.
   */
  Value host(String op, Map<String, Attribute> attributes, DataType type, Shape shape) {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < site.inputs(); i++) {
      names.add(site.has(i) ? site.operand(i) : "");
    }
    return new Value(site.between(Node.HOST, op, names, attributes, type, shape), type, shape);
  }

  /** A node whose result has axes that are counted while running; it is an output. */
  void counted(
      int output,
      String op,
      Map<String, Attribute> attributes,
      DataType type,
      List<Dim> dims,
      long... axes) {
    if (!site.wants(output)) {
      return;
    }
    List<String> names = new ArrayList<>();
    for (int i = 0; i < site.inputs(); i++) {
      names.add(site.has(i) ? site.operand(i) : "");
    }
    List<Long> counted = new ArrayList<>();
    for (long axis : axes) {
      counted.add(axis);
    }
    Map<String, Attribute> all = new LinkedHashMap<>(attributes);
    all.put("counted", new Attribute.Ints(counted));
    site.node(output, Node.HOST, op, names, all, type, new Shape(dims));
  }

  Value constant(Constant constant) {
    return new Value(site.constant(constant), constant.type(), constant.shape());
  }

  // Element-wise.

  /** A program on operands that broadcast. */
  Value apply(ElementwiseProgram program, Value... operands) {
    Shape shape = Shape.SCALAR;
    for (Value operand : operands) {
      shape = site.broadcast(shape, operand.shape());
    }
    return node(
        Node.QUERN,
        "Elementwise",
        List.of(operands),
        Map.of("program", new Attribute.Program(program)),
        program.result(),
        shape);
  }

  Value apply(ProgramBuilder program, Value... operands) {
    return apply(program.build(), operands);
  }

  /** One operation on operands of one type. */
  Value apply(ElementwiseOp op, Value... operands) {
    List<DataType> types = new ArrayList<>();
    for (Value operand : operands) {
      types.add(operand.type());
    }
    DataType result = op.isComparison() ? DataType.BOOL : operands[operands.length - 1].type();
    return apply(ElementwiseProgram.single(op, result, types), operands);
  }

  /** One operation on a value and a number. */
  Value apply(ElementwiseOp op, Value value, double number) {
    ProgramBuilder p = new ProgramBuilder(value.type());
    p.op(op, 0, p.constant(value.type(), number));
    return apply(p, value);
  }

  Value cast(Value value, DataType type) {
    return value.type() == type
        ? value
        : apply(ElementwiseProgram.single(ElementwiseOp.CAST, type, List.of(value.type())), value);
  }

  // Movement.

  Value reshape(Value value, Shape shape) {
    String name = site.reshaped(value.name(), value.type(), value.shape(), shape);
    return new Value(name, value.type(), shape);
  }

  Value reshape(Value value, Dim... dims) {
    return reshape(value, new Shape(Arrays.asList(dims)));
  }

  Value transpose(Value value, long... perm) {
    List<Long> axes = new ArrayList<>();
    for (long axis : perm) {
      axes.add(axis);
    }
    String name = site.transposed(value.name(), value.type(), value.shape(), axes);
    return new Value(name, value.type(), value.shape().permuted(axes));
  }

  Value expand(Value value, Shape shape) {
    return value.shape().equals(shape)
        ? value
        : node("", "Expand", List.of(value), Map.of(), value.type(), shape);
  }

  /** The places {@code start} to {@code start + size - 1} of an axis. */
  Value slice(Value value, int axis, Dim start, Dim size) {
    List<Dim> starts = new ArrayList<>();
    List<Long> steps = new ArrayList<>();
    List<Dim> dims = new ArrayList<>(value.shape().dims());
    for (int i = 0; i < dims.size(); i++) {
      starts.add(i == axis ? start : Dim.ZERO);
      steps.add(1L);
    }
    dims.set(axis, size);
    return node(
        "",
        "Slice",
        List.of(value),
        GraphImporter.attributes(
            "starts", new Attribute.Dims(starts), "steps", new Attribute.Ints(steps)),
        value.type(),
        new Shape(dims));
  }

  Value concat(int axis, List<Value> values) {
    if (values.size() == 1) {
      return values.getFirst();
    }
    List<Dim> dims = new ArrayList<>(values.getFirst().shape().dims());
    Dim sum = Dim.ZERO;
    for (Value value : values) {
      sum = sum.plus(value.shape().dim(axis));
    }
    dims.set(axis, sum);
    return node(
        "",
        "Concat",
        values,
        Map.of("axis", new Attribute.Int(axis)),
        values.getFirst().type(),
        new Shape(dims));
  }

  /** {@code count} whole numbers from {@code start} on, {@code step} apart. */
  Value iota(DataType type, Dim start, long step, Dim count) {
    return node(
        Node.QUERN,
        "Iota",
        List.of(),
        GraphImporter.attributes(
            "start", new Attribute.Dims(List.of(start)), "step", new Attribute.Int(step)),
        type,
        new Shape(List.of(count)));
  }

  /**
   * Where the columns of a matrix are no less (or no more) than its rows and a distance, as bools
   * {@code [rows, columns]}.
   */
  Value beside(Dim rows, Dim columns, Dim distance, ElementwiseOp op) {
    Value row = reshape(iota(DataType.INT32, distance, 1, rows), rows, Dim.ONE);
    return apply(op, iota(DataType.INT32, Dim.ZERO, 1, columns), row);
  }

  /** Elements of an axis by their places. */
  Value gather(Value value, int axis, List<Long> places) {
    List<Dim> dims = new ArrayList<>(value.shape().dims());
    dims.set(axis, Dim.of(places.size()));
    return node(
        "",
        "Gather",
        List.of(value, constant(Constants.indices("", places))),
        Map.of("axis", new Attribute.Int(axis)),
        value.type(),
        new Shape(dims));
  }

  // Reductions and products.

  Value reduce(String op, Value value, List<Long> axes, boolean keep) {
    List<Dim> dims = new ArrayList<>();
    for (int i = 0; i < value.shape().rank(); i++) {
      if (!axes.contains((long) i)) {
        dims.add(value.shape().dim(i));
      } else if (keep) {
        dims.add(Dim.ONE);
      }
    }
    if (axes.isEmpty()) {
      return value;
    }
    return node(
        "",
        op,
        List.of(value),
        GraphImporter.attributes(
            "axes", new Attribute.Ints(axes), "keepdims", new Attribute.Int(keep ? 1 : 0)),
        value.type(),
        new Shape(dims));
  }

  /** The sum, mean, … of the last axis, which stays with the size 1. */
  Value reduceLast(String op, Value value) {
    return reduce(op, value, List.of(value.shape().rank() - 1L), true);
  }

  /** {@code [.., m, k]} times {@code [.., k, n]}; the batches broadcast. */
  Value matMul(Value a, Value b) {
    Shape left = new Shape(a.shape().dims().subList(0, a.shape().rank() - 2));
    Shape right = new Shape(b.shape().dims().subList(0, b.shape().rank() - 2));
    List<Dim> dims = new ArrayList<>(site.broadcast(left, right).dims());
    site.same(a.shape().dim(-1), b.shape().dim(-2), "the inner sizes of a product");
    dims.add(a.shape().dim(-2));
    dims.add(b.shape().dim(-1));
    return node(Node.QUERN, "MatMul", List.of(a, b), Map.of(), a.type(), new Shape(dims));
  }

  /** Softmax or LogSoftmax of the last axis. */
  Value softmax(String op, Value value) {
    Map<String, Attribute> axis = Map.of("axis", new Attribute.Int(value.shape().rank() - 1L));
    return node("", op, List.of(value), axis, value.type(), value.shape());
  }
}
