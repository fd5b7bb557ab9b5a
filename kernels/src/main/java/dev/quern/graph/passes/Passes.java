package dev.quern.graph.passes;

import dev.quern.graph.Graph;
import dev.quern.reference.ReferenceKernels;
import java.util.List;

/** The passes, in the order in which they run. */
public final class Passes {
  /**
   * All passes. Scalars go into programs before patterns are looked for, so that a pattern sees
   * {@code x / 5.66} as one operand and a number; patterns come before fusion, which would hide
   * them.
   *
   * @param kernels compute what is constant
   */
  public static List<Pass> all(ReferenceKernels kernels) {
    return List.of(
        new Pass("drop dead code", graph -> new Editor(graph).copy()),
        new Pass("drop what changes nothing", Simplify::run),
        new Pass("recognise quantised products", QuantPattern::run),
        new Pass("fold constants", graph -> FoldConstants.run(graph, kernels)),
        new Pass("put scalars into programs", Scalars::run),
        new Pass("share equal nodes", ShareEqual::run),
        new Pass("recognise layer normalisation", LayerNormPattern::run),
        new Pass("recognise attention", AttentionPattern::run),
        new Pass("recognise attention of heads that stand apart", HeadAttention::run),
        new Pass("join the projections of attention", JoinProjections::run),
        new Pass("keep channels last", ChannelsLast::run),
        new Pass("drop the transposes that met", Simplify::finish),
        new Pass("fold what was turned", graph -> FoldConstants.run(graph, kernels)),
        new Pass("widen images inside of convolutions", FoldPads::run),
        new Pass("multiply factors into weights", FoldScales::run),
        new Pass("fuse element-wise chains", FuseElementwise::run),
        new Pass("fuse element-wise chains into products", FuseEpilogue::run),
        new Pass("read planes where they lie", ReadPlanes::run));
  }

  private Passes() {}

  /** The graph after all passes: what the planner lowers. */
  public static Graph optimise(Graph graph) {
    return optimise(graph, ReferenceKernels.folding());
  }

  /** The same, with these kernels to compute what is constant. */
  public static Graph optimise(Graph graph, ReferenceKernels kernels) {
    Graph result = graph;
    for (Pass pass : all(kernels)) {
      result = pass.rewrite().apply(result);
    }
    return result;
  }
}
