package dev.quern.reference;

import dev.quern.graph.Node;
import java.util.LinkedHashMap;
import java.util.Map;

/** The kernels of operators that no back end has kernels of its own for ({@link Node#HOST}). */
final class HostKernels {
  private HostKernels() {}

  /** The kernels, by operator, such as {@code host.TopK}. */
  static Map<String, ReferenceKernels.Kernel> all() {
    Map<String, ReferenceKernels.Kernel> kernels = new LinkedHashMap<>();
    kernels.put("GatherElements", IndexKernels::gatherElements);
    kernels.put("GatherND", IndexKernels::gatherNd);
    kernels.put("ScatterElements", ScatterKernels::scatterElements);
    kernels.put("ScatterND", ScatterKernels::scatterNd);
    kernels.put("MaxUnpool", ScatterKernels::maxUnpool);
    kernels.put("OneHot", IndexKernels::oneHot);
    kernels.put("ReverseSequence", IndexKernels::reverseSequence);
    kernels.put("PadMode", IndexKernels::padMode);
    kernels.put("Trilu", IndexKernels::trilu);
    kernels.put("TopK", OrderKernels::topK);
    kernels.put("ArgMax", call -> OrderKernels.arg(call, true));
    kernels.put("ArgMin", call -> OrderKernels.arg(call, false));
    kernels.put("Hardmax", OrderKernels::hardmax);
    kernels.put("CumSum", OrderKernels::cumSum);
    kernels.put("Unique", UniqueKernel::unique);
    kernels.put("NonZero", OrderKernels::nonZero);
    kernels.put("Compress", OrderKernels::compress);
    kernels.put("NonMaxSuppression", DetectionKernels::nonMaxSuppression);
    kernels.put("RoiAlign", DetectionKernels::roiAlign);
    kernels.put("GridSample", GridKernel::gridSample);
    kernels.put("Resize", GridKernel::resize);
    kernels.put("Conv", WindowKernels::conv);
    kernels.put("ConvInteger", WindowKernels::convInteger);
    kernels.put("ConvTranspose", WindowKernels::convTranspose);
    kernels.put("MaxPool", WindowKernels::maxPool);
    kernels.put("AveragePool", WindowKernels::averagePool);
    kernels.put("LpPool", WindowKernels::lpPool);
    kernels.put("Col2Im", WindowKernels::col2Im);
    kernels.put("LRN", WindowKernels::lrn);
    kernels.put("DFT", SignalKernels::dft);
    kernels.put("STFT", SignalKernels::stft);
    kernels.put("NegativeLogLikelihoodLoss", AlgebraKernels::negativeLogLikelihood);
    kernels.put("Det", AlgebraKernels::det);
    kernels.put("Einsum", AlgebraKernels::einsum);
    kernels.put("TfIdfVectorizer", AlgebraKernels::tfIdf);
    kernels.put("RNN", call -> new RecurrentKernel(call, 1).run());
    kernels.put("GRU", call -> new RecurrentKernel(call, 3).run());
    kernels.put("LSTM", call -> new RecurrentKernel(call, 4).run());
    Map<String, ReferenceKernels.Kernel> named = new LinkedHashMap<>();
    kernels.forEach((name, kernel) -> named.put(Node.HOST + "." + name, kernel));
    return named;
  }
}
