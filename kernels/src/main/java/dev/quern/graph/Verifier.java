package dev.quern.graph;

import dev.quern.onnx.DataType;
import dev.quern.onnx.Problem;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Says whether a graph is sound: each value is defined once and before its use, types and shapes
 * are known and agree with what the operators make of their operands, attributes are legal, and
 * only canonical operators occur. Sizes that differ by symbols only count as equal where they are
 * not proven to differ, since a run checks them.
 */
public final class Verifier {
  private final Graph graph;
  private final List<Problem> problems = new ArrayList<>();

  private Verifier(Graph graph) {
    this.graph = graph;
  }

  /** Everything that is wrong with a graph; empty if it is sound. */
  public static List<Problem> problems(Graph graph) {
    Verifier verifier = new Verifier(graph);
    verifier.check();
    return verifier.problems;
  }

  /** A rule that does not hold. */
  private static final class Broken extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Broken(String message) {
      super(message);
    }
  }

  private void check() {
    Set<String> defined = new HashSet<>();
    for (Value input : graph.inputs()) {
      require(defined.add(input.name()), "", "the input '" + input.name() + "' occurs twice");
      require(input.equals(graph.values().get(input.name())), "", "the input's value differs");
    }
    for (Constant constant : graph.constants().values()) {
      String name = constant.name();
      require(defined.add(name), "", "the constant '" + name + "' is defined twice");
      require(constant.value().equals(graph.values().get(name)), "", "'" + name + "' differs");
      long bytes = constant.size() * constant.type().bytes();
      require(constant.data().size() == bytes, "", "'" + name + "' has not " + bytes + " bytes");
    }
    for (Node node : graph.nodes()) {
      String place = node.toString();
      for (int i = 0; i < node.inputs().size(); i++) {
        String input = node.inputs().get(i);
        require(
            !node.has(i) || defined.contains(input), place, "'" + input + "' is not defined yet");
      }
      for (String output : node.outputs()) {
        require(defined.add(output), place, "'" + output + "' is defined twice");
        require(graph.values().containsKey(output), place, "'" + output + "' has no shape");
      }
      if (problems.isEmpty()) {
        try {
          check(node);
        } catch (Broken e) {
          require(false, place, e.getMessage());
        }
      }
    }
    for (String output : graph.outputs()) {
      require(defined.contains(output), "", "the output '" + output + "' is not defined");
    }
    for (String name : graph.values().keySet()) {
      require(defined.contains(name), "", "the value '" + name + "' is not defined by anything");
    }
  }

  private void require(boolean holds, String place, String text) {
    if (!holds) {
      problems.add(new Problem(place, "", text, ""));
    }
  }

  private static void demand(boolean holds, String text) {
    if (!holds) {
      throw new Broken(text);
    }
  }

  private Shape shape(Node node, int input) {
    demand(node.has(input), "operand " + input + " is missing");
    return graph.value(node.inputs().get(input)).shape();
  }

  private DataType type(Node node, int input) {
    return graph.value(node.inputs().get(input)).type();
  }

  private void check(Node node) {
    demand(node.outputs().size() == 1, "a node has one output");
    Value output = graph.value(node.output());
    Shape shape = output.shape();
    if (node.isHost()) {
      // The kernel checks its operands: what they are is known there only.
      return;
    }
    boolean keepsType = true;
    switch (node.operator()) {
      case "quern.Elementwise" -> {
        elementwise(node, 0, node.inputs(), shape);
        demand(node.program("program").result() == output.type(), "the program's type differs");
        keepsType = false;
      }
      case "quern.MatMul" -> matMul(node, shape);
      case "quern.MatMulInteger" -> {
        Shape a = shape(node, 0);
        Shape b = shape(node, 1);
        same(a.dim(-1), b.dim(-2));
        broadcasts(batch(a), batch(shape));
        broadcasts(batch(b), batch(shape));
        same(shape.dim(-2), a.dim(-2));
        same(shape.dim(-1), b.dim(-1));
        demand(output.type() == DataType.INT32, "its sums are i32");
        keepsType = false;
      }
      case "quern.Recurrent" -> {
        int directions = (int) node.integer("directions", 1);
        for (int d = 0; d < directions; d++) {
          same(shape(node, d).dim(2), shape(node, directions + d).dim(0));
        }
        Dim hidden = shape(node, directions).dim(1);
        Dim row = shape(node, 0).dim(1).times(hidden).times(Dim.of(directions));
        Dim last = Dim.of(node.integer("gates", 0) == 4 ? 2 : 1);
        same(shape.dim(0), row.times(shape(node, 0).dim(0).plus(last)));
      }
      case "quern.DynamicQuantize" -> {
        same(node.integer("part", 0) == 0 ? shape(node, 0) : Shape.SCALAR, shape);
        demand(type(node, 0) == DataType.FLOAT, "it quantises f32");
        keepsType = false;
      }
      case "quern.Widen" -> {
        same(shape(node, 0), shape);
        demand(type(node, 0) == DataType.FLOAT16, "it widens f16");
        keepsType = false;
      }
      case "quern.Dequantize" -> {
        for (int i = 0; i < node.inputs().size(); i++) {
          broadcasts(shape(node, i), shape);
        }
        same(shape(node, 0), shape);
        demand(output.type() == DataType.FLOAT, "it makes f32");
        keepsType = false;
      }
      case "quern.Iota" -> {
        demand(shape.rank() == 1 && node.dims("start").size() == 1, "it is no row of numbers");
        demand(
            output.type() == DataType.INT32 || output.type() == DataType.INT64,
            "its numbers are not whole");
        keepsType = false;
      }
      case "quern.Attention" -> attention(node, shape);
      case "quern.Conv" -> conv(node, shape);
      case "quern.MaxPool", "quern.AveragePool" ->
          same(windows(node, shape(node, 0), shape(node, 0).dim(-1)), shape);
      case "Softmax", "LogSoftmax" -> {
        same(shape(node, 0), shape);
        demand(node.integer("axis", -1) == shape.rank() - 1, "the axis is not the last one");
      }
      case "LayerNormalization" -> {
        same(shape(node, 0), shape);
        demand(node.integer("axis", -1) == -1, "the axis is not the last one");
        for (int i = 1; i < node.inputs().size(); i++) {
          same(shape(node, i), new Shape(List.of(shape.dim(-1))));
        }
      }
      case "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd" ->
          same(reduced(node), shape);
      case "Pad" -> same(padded(node), shape);
      case "Gather" -> gather(node, shape);
      case "Transpose" -> {
        demand(node.ints("perm").size() == shape(node, 0).rank(), "perm has the wrong length");
        same(shape(node, 0).permuted(node.ints("perm")), shape);
      }
      case "Slice" -> {
        demand(
            node.dims("starts").size() == shape.rank()
                && node.ints("steps").size() == shape.rank()
                && shape(node, 0).rank() == shape.rank(),
            "starts and steps are not one for each axis");
        for (long step : node.ints("steps")) {
          demand(step != 0, "a step is 0");
        }
      }
      case "Concat" -> concat(node, shape);
      case "Expand" -> broadcasts(shape(node, 0), shape);
      case "Reshape" -> same(shape(node, 0).size(), shape.size());
      default -> throw new Broken(node.operator() + " is no canonical operator");
    }
    if (keepsType) {
      demand(type(node, 0) == output.type(), "the type is " + output.type().label());
    }
  }

  private static void same(Dim a, Dim b) {
    demand(a.equals(b) || !a.differsFrom(b), "the sizes " + a + " and " + b + " differ");
  }

  private static void same(Shape a, Shape b) {
    demand(a.rank() == b.rank(), "the shapes " + a + " and " + b + " differ");
    for (int i = 0; i < a.rank(); i++) {
      same(a.dim(i), b.dim(i));
    }
  }

  private static void broadcasts(Shape from, Shape to) {
    demand(from.rank() <= to.rank(), from + " does not broadcast to " + to);
    for (int i = 1; i <= from.rank(); i++) {
      if (!from.dim(-i).is(1)) {
        same(from.dim(-i), to.dim(-i));
      }
    }
  }

  /** Checks a program whose register {@code first} and following are the given operands. */
  private void elementwise(Node node, int first, List<String> operands, Shape shape) {
    ElementwiseProgram program = node.program("program");
    demand(program.inputs().size() == first + operands.size(), "the program's operands differ");
    for (int i = 0; i < operands.size(); i++) {
      Value operand = graph.value(operands.get(i));
      demand(operand.type() == program.type(first + i), "operand " + i + " has another type");
      broadcasts(operand.shape(), shape);
    }
    for (ElementwiseProgram.Instruction step : program.instructions()) {
      checkTypes(program, step);
    }
  }

  private static void checkTypes(ElementwiseProgram program, ElementwiseProgram.Instruction step) {
    ElementwiseOp op = step.op();
    for (int i = 0; i < step.operands().size(); i++) {
      DataType type = program.type(step.operands().get(i));
      boolean fits;
      if (op == ElementwiseOp.CAST) {
        fits = true;
      } else if (op.isComparison()) {
        fits = type == program.type(step.operands().getFirst()) && step.type() == DataType.BOOL;
      } else if (op == ElementwiseOp.WHERE && i == 0) {
        fits = type == DataType.BOOL;
      } else {
        fits = type == step.type() && (!op.isLogical() || type == DataType.BOOL);
      }
      demand(fits, op + " takes operand " + i + " of " + type.label());
    }
  }

  private void matMul(Node node, Shape shape) {
    int parts = Products.parts(node);
    boolean scaled = Products.isScaled(node);
    boolean transposed = node.integer("transB", 0) != 0;
    Shape a = shape(node, 0);
    demand(a.rank() >= 2 && parts >= 1, "A is no matrix");
    Dim width = Dim.ZERO;
    for (int part = 0; part < parts; part++) {
      int i = Products.weights(node, part);
      Shape b = shape(node, i);
      if (Products.isBlocks(node)) {
        demand(b.rank() == 3 && shape(node, i + 1).rank() == 2, "B does not lie in blocks");
        width = width.plus(b.dim(0));
        continue;
      }
      demand(b.rank() >= 2 && (parts == 1 && !scaled || b.rank() == 2), "B is no matrix");
      boolean half = type(node, i) == DataType.FLOAT16;
      demand(scaled || half || type(node, i) == type(node, 0), "A and B have different types");
      same(a.dim(-1), b.dim(transposed ? -1 : -2));
      Dim columns = b.dim(transposed ? -2 : -1);
      for (int side = 1; scaled && side <= 2; side++) {
        if (node.has(i + side)) {
          Shape sides = new Shape(transposed ? List.of(columns, Dim.ONE) : List.of(columns));
          broadcasts(shape(node, i + side), sides);
        }
      }
      width = width.plus(columns);
      broadcasts(new Shape(b.dims().subList(0, b.rank() - 2)), batch(shape));
    }
    broadcasts(batch(a), batch(shape));
    same(shape.dim(-2), a.dim(-2));
    same(shape.dim(-1), width);
    if (node.hasProgram()) {
      elementwise(
          node, 1, node.inputs().subList(Products.extras(node), node.inputs().size()), shape);
      demand(node.program("program").type(0) == type(node, 0), "the epilogue's type differs");
      demand(node.program("program").result() == type(node, 0), "the epilogue's type differs");
    } else {
      demand(node.inputs().size() == Products.extras(node), "it has operands without an epilogue");
    }
  }

  private static Shape batch(Shape shape) {
    return new Shape(shape.dims().subList(0, shape.rank() - 2));
  }

  /** The shape of what a window makes of an image {@code [n, h, w, c]}. */
  private static Shape windows(Node node, Shape image, Dim channels) {
    demand(image.rank() == 4, "the image " + image + " has not four axes");
    demand(
        node.ints("kernel").size() == 2
            && node.ints("strides").size() == 2
            && node.ints("dilations").size() == 2
            && node.dims("pads").size() == 4,
        "the window is not whole");
    Window window = Window.of(node);
    demand(window.kernelH() > 0 && window.kernelW() > 0, "the window is empty");
    demand(window.strideH() > 0 && window.strideW() > 0, "a stride is 0");
    return new Shape(
        List.of(
            image.dim(0), window.outputH(image.dim(1)), window.outputW(image.dim(2)), channels));
  }

  private void conv(Node node, Shape shape) {
    Shape weights = shape(node, 1);
    Shape image = shape(node, 0);
    if (node.integer("planes", 0) != 0) {
      demand(image.rank() == 4, "the image " + image + " has not four axes");
      image = image.permuted(List.of(0L, 2L, 3L, 1L));
    }
    demand(weights.rank() == 4, "the weights " + weights + " have not four axes");
    demand(type(node, 1) == type(node, 0), "image and weights have different types");
    Window window = Window.of(node);
    same(weights.dim(2), Dim.of(window.kernelH()));
    same(weights.dim(3), Dim.of(window.kernelW()));
    same(image.dim(-1), weights.dim(1).times(Dim.of(node.integer("group", 1))));
    same(windows(node, image, weights.dim(0)), shape);
    if (node.hasProgram()) {
      elementwise(node, 1, node.inputs().subList(2, node.inputs().size()), shape);
      demand(node.program("program").result() == type(node, 0), "the epilogue's type differs");
    } else {
      demand(node.inputs().size() == 2, "it has operands without an epilogue");
    }
  }

  private Shape padded(Node node) {
    Shape x = shape(node, 0);
    List<Dim> pads = node.dims("pads");
    demand(pads.size() == 2 * x.rank(), "the pads are not two for each axis");
    List<Dim> dims = new ArrayList<>();
    for (int i = 0; i < x.rank(); i++) {
      dims.add(x.dim(i).plus(pads.get(i)).plus(pads.get(x.rank() + i)));
    }
    return new Shape(dims);
  }

  private void attention(Node node, Shape shape) {
    Shape q = shape(node, 0);
    Shape k = shape(node, 1);
    Shape v = shape(node, 2);
    Dim heads = Dim.of(node.integer("heads", 0));
    demand(heads.constant() > 0, "there are no heads");
    long group = node.integer("group", 1);
    q = joined(node, 0, q, heads, 1);
    k = joined(node, 1, k, heads, group);
    v = joined(node, 2, v, heads, group);
    demand(shape.rank() == 3, "wrong rank");
    same(q.dim(2), k.dim(2));
    same(k.dim(1), v.dim(1));
    same(q.dim(2), q.dim(2).dividedBy(heads).times(heads));
    same(v.dim(2), v.dim(2).dividedBy(heads).times(heads));
    same(new Shape(List.of(q.dim(0), q.dim(1), v.dim(2))), shape);
    same(q.dim(0), k.dim(0));
    same(q.dim(0), v.dim(0));
    if (node.has(3)) {
      broadcasts(shape(node, 3), new Shape(List.of(q.dim(0), heads, q.dim(1), k.dim(1))));
      demand(type(node, 3) == DataType.FLOAT, "the mask is not f32");
    }
  }

  /** The shape of an operand of attention with its heads side by side. */
  private static Shape joined(Node node, int index, Shape shape, Dim heads, long group) {
    if ((node.integer("apart", 0) >> index & 1) == 0) {
      demand(shape.rank() == 3 && group == 1, "wrong rank");
      return shape;
    }
    demand(shape.rank() == 4 && shape.dim(1).times(Dim.of(group)).equals(heads), "wrong heads");
    return new Shape(List.of(shape.dim(0), shape.dim(2), shape.dim(3).times(heads)));
  }

  private Shape reduced(Node node) {
    Shape x = shape(node, 0);
    boolean keep = node.integer("keepdims", 1) != 0;
    List<Dim> dims = new ArrayList<>();
    for (int i = 0; i < x.rank(); i++) {
      if (!node.ints("axes").contains((long) i)) {
        dims.add(x.dim(i));
      } else if (keep) {
        dims.add(Dim.ONE);
      }
    }
    for (long axis : node.ints("axes")) {
      demand(axis >= 0 && axis < x.rank(), "the axis " + axis + " is not there");
    }
    return new Shape(dims);
  }

  private void gather(Node node, Shape shape) {
    Shape data = shape(node, 0);
    int axis = (int) node.integer("axis", 0);
    demand(axis >= 0 && axis < data.rank(), "the axis " + axis + " is not there");
    DataType index = type(node, 1);
    demand(index == DataType.INT64 || index == DataType.INT32, "the indices are no integers");
    List<Dim> dims = new ArrayList<>(data.dims().subList(0, axis));
    dims.addAll(shape(node, 1).dims());
    dims.addAll(data.dims().subList(axis + 1, data.rank()));
    same(new Shape(dims), shape);
  }

  private void concat(Node node, Shape shape) {
    int axis = (int) node.integer("axis", 0);
    demand(axis >= 0 && axis < shape.rank(), "the axis " + axis + " is not there");
    Dim sum = Dim.ZERO;
    for (int i = 0; i < node.inputs().size(); i++) {
      Shape part = shape(node, i);
      demand(part.rank() == shape.rank(), "operand " + i + " has another rank");
      sum = sum.plus(part.dim(axis));
      for (int j = 0; j < shape.rank(); j++) {
        if (j != axis) {
          same(part.dim(j), shape.dim(j));
        }
      }
    }
    same(sum, shape.dim(axis));
  }
}
