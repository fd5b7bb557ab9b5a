package dev.quern.exec;

import dev.quern.onnx.OnnxAttribute;
import dev.quern.onnx.OnnxGraph;
import dev.quern.onnx.OnnxNode;
import dev.quern.reference.Slices;
import dev.quern.reference.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A graph run over the slices of tensors. Version 8 of ONNX's operators runs it for each sample of
 * a batch (axis 0, slices along axis 1), later ones have no batch.
 */
record Scan(OnnxNode node, Body body, int opset) implements Point.Stage {
  @Override
  public void run(Scope scope, Run run) {
    if (opset > 8) {
      List<Tensor> inputs = inputs(scope, 0);
      List<Tensor> results = scan(scope, inputs, Long.MAX_VALUE, run);
      ControlFlow.put(node, results, scope);
      return;
    }
    List<Tensor> inputs = inputs(scope, 1);
    List<List<Tensor>> outputs = new ArrayList<>();
    long batch = inputs.getFirst().dims()[0];
    for (int b = 0; b < batch; b++) {
      List<Tensor> sample = new ArrayList<>();
      for (Tensor input : inputs) {
        sample.add(Slices.at(input, 0, b));
      }
      long length =
          ControlFlow.has(node, 0) ? scope.tensor(node.inputs().get(0)).integer(b) : Long.MAX_VALUE;
      List<Tensor> results = scan(scope, sample, length, run);
      for (int i = 0; i < results.size(); i++) {
        if (b == 0) {
          outputs.add(new ArrayList<>());
        }
        outputs.get(i).add(results.get(i));
      }
    }
    List<Tensor> stacked = new ArrayList<>();
    outputs.forEach(parts -> stacked.add(Slices.stack(parts, 0)));
    ControlFlow.put(node, stacked, scope);
  }

  private List<Tensor> inputs(Scope scope, int from) {
    List<Tensor> inputs = new ArrayList<>();
    for (String name : node.inputs().subList(from, node.inputs().size())) {
      inputs.add(scope.tensor(name));
    }
    return inputs;
  }

  private List<Tensor> scan(Scope scope, List<Tensor> inputs, long most, Run run) {
    OnnxGraph graph = body.graph();
    int scanned = (int) integer("num_scan_inputs");
    int states = inputs.size() - scanned;
    int outputs = graph.outputs().size() - states;
    if (scanned < 1 || states < 0 || outputs < 0 || graph.inputs().size() != inputs.size()) {
      throw ControlFlow.refused(node, "its inputs do not fit its graph");
    }
    long turns = most;
    int[] axes = new int[scanned];
    for (int i = 0; i < scanned; i++) {
      Tensor input = inputs.get(states + i);
      axes[i] = axis("scan_input_axes", i, input.rank());
      turns = Math.min(turns, input.dims()[axes[i]]);
    }
    List<Tensor> values = new ArrayList<>(inputs.subList(0, states));
    List<List<Tensor>> parts = new ArrayList<>();
    for (int i = 0; i < outputs; i++) {
      parts.add(new ArrayList<>());
    }
    for (int turn = 0; turn < turns; turn++) {
      run.check();
      Map<String, Tensor> given = new LinkedHashMap<>();
      for (int i = 0; i < states; i++) {
        given.put(graph.inputs().get(i).name(), values.get(i));
      }
      for (int i = 0; i < scanned; i++) {
        boolean back = listed(directions("scan_input_directions"), i) == 1;
        int at = (int) (back ? turns - 1 - turn : turn);
        given.put(
            graph.inputs().get(states + i).name(), Slices.at(inputs.get(states + i), axes[i], at));
      }
      List<Tensor> results = body.run(scope, given, run);
      values = new ArrayList<>(results.subList(0, states));
      for (int i = 0; i < outputs; i++) {
        boolean back = listed("scan_output_directions", i) == 1;
        parts.get(i).add(back ? 0 : parts.get(i).size(), results.get(states + i));
      }
    }
    List<Tensor> all = new ArrayList<>(values);
    for (int i = 0; i < outputs; i++) {
      int rank = parts.get(i).isEmpty() ? 1 : parts.get(i).getFirst().rank() + 1;
      all.add(
          ControlFlow.stacked(
              node,
              parts.get(i),
              axis("scan_output_axes", i, rank),
              graph.outputs().get(states + i)));
    }
    return all;
  }

  /** Version 8 has one list of directions, of the inputs. */
  private String directions(String name) {
    return opset > 8 ? name : "directions";
  }

  private int axis(String attribute, int index, int rank) {
    long axis = listed(attribute, index);
    if (axis < -rank || axis >= rank) {
      throw ControlFlow.refused(
          node, "its axis " + axis + " is outside of a tensor of rank " + rank);
    }
    return (int) (axis < 0 ? axis + rank : axis);
  }

  private long integer(String attribute) {
    return node.attributes().get(attribute) instanceof OnnxAttribute.Int value ? value.value() : 0;
  }

  /** An element of a list that may be absent: then 0. */
  private long listed(String attribute, int index) {
    return node.attributes().get(attribute) instanceof OnnxAttribute.Ints list
            && index < list.value().size()
        ? list.value().get(index)
        : 0;
  }

  @Override
  public void release() {
    body.release();
  }
}
