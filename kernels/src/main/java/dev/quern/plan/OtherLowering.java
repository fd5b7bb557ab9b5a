package dev.quern.plan;

import dev.quern.graph.Dim;
import dev.quern.graph.ElementwiseOp;
import dev.quern.graph.Node;
import dev.quern.graph.Shape;
import dev.quern.kernel.KernelException;
import dev.quern.kernel.KernelSpec;
import dev.quern.kernel.RecurrentKernel;
import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The steps of operators that only the full engine makes kernels for. */
final class OtherLowering {
  private OtherLowering() {}

  private static void cumSum(Planner planner, Node node) {
    Shape shape = planner.shape(node.output());
    int axis = (int) node.integer("axis", 0);
    DataType type = planner.type(node.output());
    if (type != DataType.FLOAT && type != DataType.INT32 && type != DataType.INT64) {
      throw new KernelException("no kernel sums " + type.label());
    }
    Dim inner = shape.product(axis + 1, shape.rank());
    View x = planner.view(node.inputs().getFirst());
    View y = planner.define(node.output());
    planner.step(
        node.name(),
        new KernelSpec.CumSum(
            type, node.integer("exclusive", 0) != 0, node.integer("reverse", 0) != 0),
        List.of(x.address(), y.address(), Arg.number(shape.dim(axis)), Arg.number(inner)),
        new Work.Items(shape.product(0, axis).times(inner), shape.dim(axis)),
        Dim.ZERO,
        shape.size());
  }

  private static void recurrent(Planner planner, Node node) {
    int directions = (int) node.integer("directions", 1);
    boolean biased = node.integer("biased", 0) != 0;
    boolean started = node.integer("started", 0) != 0;
    int gates = (int) node.integer("gates", 0);
    List<String> inputs = node.inputs();
    Shape x = planner.shape(inputs.getFirst());
    int hidden = (int) planner.shape(inputs.get(directions)).dim(1).constant();
    List<ElementwiseOp> functions = new ArrayList<>();
    for (int i = 0; node.attributes().containsKey("function" + i); i++) {
      functions.add(
          switch (node.text("function" + i, "")) {
            case "Sigmoid" -> ElementwiseOp.SIGMOID;
            case "Tanh" -> ElementwiseOp.TANH;
            default -> ElementwiseOp.RELU;
          });
    }
    Arg[] args = new Arg[RecurrentKernel.BATCH + 1];
    Arrays.fill(args, Arg.number(0));
    for (int d = 0; d < directions; d++) {
      args[RecurrentKernel.INPUTS + d] = planner.view(inputs.get(d)).address();
      int weight = planner.gates(inputs.get(directions + d), gates, RecurrentKernel.units(gates));
      args[RecurrentKernel.WEIGHTS + d] = View.of(new Base.OfWeight(weight)).address();
      if (biased) {
        args[RecurrentKernel.BIASES + d] = planner.view(inputs.get(2 * directions + d)).address();
      }
    }
    int first = directions * (biased ? 3 : 2);
    for (int i = 0; i < (started ? gates == 4 ? 2 : 1 : 0); i++) {
      args[RecurrentKernel.HIDDEN + i] = planner.view(inputs.get(first + i)).address();
    }
    args[RecurrentKernel.Y] = planner.define(node.output()).address();
    args[RecurrentKernel.TIME] = Arg.number(x.dim(0));
    args[RecurrentKernel.BATCH] = Arg.number(x.dim(1));
    boolean reverse = node.integer("reverse", 0) != 0;
    KernelSpec.Recurrent spec =
        new KernelSpec.Recurrent(gates, hidden, directions, reverse, biased, started, functions);
    Dim flops = x.dim(0).times(x.dim(1)).times(Dim.of(2L * directions * gates * hidden * hidden));
    long unit = (long) RecurrentKernel.units(gates) * gates * hidden / 4;
    planner.step(
        node.name(),
        spec,
        List.of(args),
        new Work.Items(
            Dim.of(RecurrentKernel.parts(spec)),
            x.dim(1).times(Dim.of(unit)),
            x.dim(0).plus(Dim.ONE).times(Dim.of(directions))),
        Dim.of(RecurrentKernel.scratch(spec)),
        flops);
  }

  static boolean lower(Planner planner, Node node) {
    switch (node.operator()) {
      case "host.CumSum" -> cumSum(planner, node);
      case "quern.Recurrent" -> recurrent(planner, node);
      case "quern.MatMulInteger" -> Quantising.lowerProduct(planner, node);
      default -> {
        return false;
      }
    }
    return true;
  }
}
