package dev.quern.plan;

import dev.quern.graph.Constant;
import dev.quern.graph.Dim;
import dev.quern.graph.Graph;
import dev.quern.graph.Node;
import dev.quern.graph.Shape;
import dev.quern.graph.Value;
import dev.quern.kernel.KernelException;
import dev.quern.kernel.KernelSpec;
import dev.quern.kernel.StepRecord;
import dev.quern.kernel.WeightFormat;
import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Turns the canonical graph (see {@code dev.quern.graph.passes}) into a plan: one step for most
 * nodes, none for those that only rename memory, a copy before those that want another layout.
 */
public final class Planner {
  private final Graph graph;
  private final Lowerings lowerings;
  private final boolean bytes;
  private final Map<String, View> views = new LinkedHashMap<>();
  private final Map<String, Integer> weightIds = new LinkedHashMap<>();
  private final List<Weight> weights = new ArrayList<>();
  private final List<String> names = new ArrayList<>();
  private final List<Dim> sizes = new ArrayList<>();
  private final List<Step> steps = new ArrayList<>();
  private final Map<String, Quantising> quantised = new LinkedHashMap<>();
  private final Map<String, List<Node>> consumers = new LinkedHashMap<>();

  private Planner(Graph graph, Lowerings lowerings, boolean bytes) {
    this.graph = graph;
    this.lowerings = lowerings;
    this.bytes = bytes;
  }

  /** Makes the plan of a graph of any operators, for machines of any kind. */
  public static Plan plan(Graph graph) {
    return plan(graph, Lowerings.all(), false);
  }

  /**
   * Makes the plan, with what makes its steps.
   *
   * @param bytes whether all that runs it sums bytes: see {@link dev.quern.schedule.ByteDot}
   * @throws PlanException naming every node that no kernel is made for
   */
  public static Plan plan(Graph graph, Lowerings lowerings, boolean bytes) {
    return new Planner(graph, lowerings, bytes).plan();
  }

  private Plan plan() {
    for (Node node : graph.nodes()) {
      for (String input : node.inputs()) {
        consumers.computeIfAbsent(input, name -> new ArrayList<>()).add(node);
      }
    }
    Map<String, Integer> places = new LinkedHashMap<>();
    for (Value input : graph.inputs()) {
      places.put(input.name(), activation(input.name(), bytes(input)));
      views.put(input.name(), View.of(new Base.OfActivation(places.get(input.name()))));
    }
    List<String> problems = new ArrayList<>();
    List<String> refused = new ArrayList<>();
    for (Node node : graph.nodes()) {
      try {
        if (!lowerings.lower(this, node)) {
          throw new KernelException("no WebAssembly kernel is made for this operator");
        }
      } catch (KernelException e) {
        problems.add(node.operator() + " '" + node.name() + "': " + e.getMessage());
        refused.add(node.name());
        for (String output : node.outputs()) {
          define(output);
        }
      }
    }
    if (!problems.isEmpty()) {
      throw new PlanException(problems, refused);
    }
    List<Value> outputs = new ArrayList<>();
    for (String name : graph.outputs()) {
      outputs.add(graph.value(name));
      places.put(name, output(name));
    }
    return new Plan(graph.inputs(), outputs, places, weights, lifetimes(places), steps);
  }

  /** The activation that holds an output whole, copied there if it is part of something else. */
  private int output(String name) {
    View view = view(name);
    boolean input = false;
    for (Value value : graph.inputs()) {
      input |= views.get(value.name()).base().equals(view.base());
    }
    if (view.base() instanceof Base.OfActivation(int id) && view.offset().is(0) && !input) {
      return id;
    }
    Value value = graph.value(name);
    int id = activation(name, bytes(value));
    Copies.copy(
        this,
        name,
        value.type(),
        view,
        Axis.contiguous(value.shape()),
        View.of(new Base.OfActivation(id)),
        Axis.contiguous(value.shape()),
        value.shape());
    return id;
  }

  private List<Activation> lifetimes(Map<String, Integer> places) {
    int[] first = new int[names.size()];
    int[] last = new int[names.size()];
    for (int i = 0; i < first.length; i++) {
      first[i] = steps.size();
      last[i] = -1;
    }
    for (int s = 0; s < steps.size(); s++) {
      for (Arg arg : steps.get(s).args()) {
        if (arg.base() instanceof Base.OfActivation(int id)) {
          first[id] = Math.min(first[id], s);
          last[id] = Math.max(last[id], s);
        }
      }
    }
    // Inputs stay as they are given, so that a step can be run again for measuring.
    for (Value input : graph.inputs()) {
      first[places.get(input.name())] = -1;
      last[places.get(input.name())] = steps.size();
    }
    for (String output : graph.outputs()) {
      last[places.get(output)] = steps.size();
    }
    List<Activation> activations = new ArrayList<>();
    for (int i = 0; i < names.size(); i++) {
      activations.add(new Activation(i, names.get(i), sizes.get(i), first[i], last[i]));
    }
    return activations;
  }

  // --- what the lowerings of the operators use ---

  Value value(String name) {
    return graph.value(name);
  }

  Shape shape(String name) {
    return graph.value(name).shape();
  }

  DataType type(String name) {
    return graph.value(name).type();
  }

  List<Node> consumers(String name) {
    return consumers.getOrDefault(name, List.of());
  }

  boolean isOutput(String name) {
    return graph.outputs().contains(name);
  }

  Constant constant(String name) {
    return graph.constants().get(name);
  }

  static Dim bytes(Value value) {
    return value.shape().size().times(Dim.of(value.type().bytes()));
  }

  private int activation(String name, Dim size) {
    names.add(name);
    sizes.add(size);
    return names.size() - 1;
  }

  /** Where a value lies, whole and contiguous. */
  View view(String name) {
    View view = strided(name);
    if (view.rowFloats() != 0) {
      throw new KernelException("the columns '" + name + "' would have to be copied first");
    }
    return view;
  }

  /** Where a value lies; its rows may be apart. */
  View strided(String name) {
    View view = views.get(name);
    if (view == null) {
      view = View.of(new Base.OfWeight(weight(List.of(name), null, 0, false)));
      views.put(name, view);
    }
    return view;
  }

  /** The weight with that format (null: as in the file), made once. */
  int weight(List<String> parts, WeightFormat format, int k, boolean transposed) {
    return weight(parts, List.of(), format, k, transposed);
  }

  /** The same with the zero points of each part's columns. */
  int weight(
      List<String> parts, List<byte[]> zeros, WeightFormat format, int k, boolean transposed) {
    String key =
        (format == null ? "" : format.label() + (transposed ? "t:" : "p:"))
            + String.join("|", parts);
    return once(
        key,
        () -> {
          List<Constant> constants = new ArrayList<>();
          for (String part : parts) {
            Constant constant = graph.constants().get(part);
            if (constant == null) {
              throw new KernelException("'" + part + "' is neither computed before nor a constant");
            }
            constants.add(constant);
          }
          return new Weight(weights.size(), constants, zeros, format, k, transposed, 1);
        });
  }

  /** The weight of a key. */
  private int once(String key, Supplier<Weight> made) {
    Integer known = weightIds.get(key);
    if (known == null) {
      Weight weight = made.get();
      weights.add(weight);
      known = weight.id();
      weightIds.put(key, known);
    }
    return known;
  }

  /**
   * The weights {@code [n, channels, kernelH, kernelW]} of a convolution in panels, a part for each
   * group.
   *
   * @param channelsLast whether k is to be {@code [kernelH, kernelW, channels]}
   */
  int windows(String name, int groups, boolean channelsLast) {
    String key = (channelsLast ? "l:" : "f:") + groups + ":" + name;
    return once(key, () -> windowParts(name, groups, channelsLast));
  }

  private Weight windowParts(String name, int groups, boolean channelsLast) {
    Constant constant = graph.constants().get(name);
    if (constant == null) {
      throw new KernelException("its weights '" + name + "' are no constant");
    }
    Shape shape = constant.shape();
    int taps = (int) (shape.dim(2).constant() * shape.dim(3).constant());
    int k = (int) shape.dim(1).constant() * taps;
    long width = shape.dim(0).constant() / groups;
    List<Constant> parts = new ArrayList<>();
    for (int g = 0; g < groups; g++) {
      parts.add(groups == 1 ? constant : rows(constant, g * width, width));
    }
    int order = channelsLast && k > taps ? taps : 1;
    return new Weight(weights.size(), parts, List.of(), WeightFormat.F32, k, true, order);
  }

  /**
   * The weights {@code [gates·hidden, hidden]} of a recurrent layer's state in panels: those of
   * some units' gates, gate after gate, then those of the next units.
   */
  int gates(String name, int gates, int units) {
    String key = "r:" + gates + ":" + name;
    return once(key, () -> gateParts(name, gates, units));
  }

  private Weight gateParts(String name, int gates, int units) {
    Constant constant = graph.constants().get(name);
    if (constant == null) {
      throw new KernelException("the weights of its state, '" + name + "', are no constant");
    }
    int hidden = (int) constant.shape().dim(1).constant();
    List<Constant> parts = new ArrayList<>();
    for (int unit = 0; unit < hidden; unit += units) {
      for (int gate = 0; gate < gates; gate++) {
        parts.add(rows(constant, gate * hidden + unit, Math.min(units, hidden - unit)));
      }
    }
    return new Weight(weights.size(), parts, List.of(), WeightFormat.F32, hidden, true, 1);
  }

  /** Some rows of a constant as one of its own. */
  private static Constant rows(Constant constant, long first, long count) {
    List<Dim> dims = new ArrayList<>(constant.shape().dims());
    long row = constant.data().size() / dims.getFirst().constant();
    dims.set(0, Dim.of(count));
    return new Constant(
        constant.name() + ":" + first,
        constant.type(),
        new Shape(dims),
        constant.data().slice(first * row, count * row));
  }

  /** A weight that no constant of the graph is. */
  View weight(Constant made) {
    weights.add(new Weight(weights.size(), List.of(made), List.of(), null, 0, false, 1));
    return View.of(new Base.OfWeight(weights.size() - 1));
  }

  /** Whether products of bytes are summed by one instruction. */
  boolean bytes() {
    return bytes;
  }

  /** What quantising has made so far, by the name of what was quantised. */
  Map<String, Quantising> quantised() {
    return quantised;
  }

  /** Says that a value is another one, seen differently. */
  void alias(String name, View view) {
    views.put(name, view);
  }

  /** Makes room for a node's result. */
  View define(String name) {
    View view = View.of(new Base.OfActivation(activation(name, bytes(graph.value(name)))));
    views.put(name, view);
    return view;
  }

  /** Makes room for something that has no name in the graph. */
  View temporary(String name, Dim elements, DataType type) {
    return View.of(new Base.OfActivation(activation(name, elements.times(Dim.of(type.bytes())))));
  }

  void step(String name, KernelSpec kernel, List<Arg> args, Work work, Dim scratch, Dim flops) {
    if (args.size() > StepRecord.MOST_ARGS) {
      throw new KernelException("it needs more arguments than a step holds");
    }
    steps.add(new Step(name, kernel, args, work, scratch, flops));
  }

  /** Needs f32. */
  void needFloat(String name) {
    if (type(name) != DataType.FLOAT) {
      throw new KernelException(
          "the kernel is made for f32, '" + name + "' is " + type(name).label());
    }
  }
}
