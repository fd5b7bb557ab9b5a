package dev.quern.graph;

import static dev.quern.graph.Operator.Types.ANY;
import static dev.quern.graph.Operator.Types.BYTE;
import static dev.quern.graph.Operator.Types.INDEX;
import static dev.quern.graph.Operator.Types.INTEGER;
import static dev.quern.graph.Operator.Types.NUMBER;
import static dev.quern.graph.Operator.Types.REAL;

import dev.quern.onnx.DataType;
import java.util.List;

/** Further rows of the table {@link Operators}, by family: what fewer models need. */
final class ExtendedOperators {
  private ExtendedOperators() {}

  static void add(Operators.Table t) {
    functions(t);
    reductions(t);
    arrangement(t);
    indices(t);
    images(t);
    signals(t);
    random(t);
    layers(t);
    wider(t);
    transformers(t);
    contributed(t);
    quantised(t);
  }

  private static final String MS = "com.microsoft.";

  private static void transformers(Operators.Table t) {
    t.row("Attention", REAL, 3, 7, AttentionRules::onnx);
    t.row("RotaryEmbedding", REAL, 3, 4, AttentionRules::onnxRotary);
    t.row("SimplifiedLayerNormalization", REAL, 2, 2, ContribRules::simplifiedLayerNorm);
    t.row(MS + "Attention", REAL, 2, 7, AttentionRules::packed);
    t.row(MS + "MultiHeadAttention", REAL, 1, 10, AttentionRules::multiHead);
    t.row(MS + "GroupQueryAttention", REAL, 1, 14, GroupedAttention::rule);
    t.row(MS + "RotaryEmbedding", REAL, 4, 4, AttentionRules::rotary);
    t.row(MS + "SkipLayerNormalization", REAL, 3, 5, ContribRules::skipLayerNorm);
    t.row(
        MS + "SkipSimplifiedLayerNormalization", REAL, 3, 4, ContribRules::skipSimplifiedLayerNorm);
    t.row(MS + "EmbedLayerNormalization", INDEX, 1, 9, ContribRules::embedLayerNorm);
  }

  private static void contributed(Operators.Table t) {
    t.row(MS + "Gelu", REAL, 1, 1, ContribRules::gelu);
    t.row(MS + "BiasGelu", REAL, 2, 2, ContribRules::biasGelu);
    t.row(MS + "FastGelu", REAL, 1, 2, ContribRules::fastGelu);
    t.row(
        MS + "QuickGelu",
        REAL,
        1,
        1,
        s -> ActivationRules.swish(s, (float) s.real("alpha", 1.702f)));
    t.row(MS + "FusedMatMul", REAL, 2, 2, ContribRules::fusedMatMul);
    t.row(MS + "FusedGemm", REAL, 2, 3, ContribRules::fusedGemm);
    t.row(MS + "FusedConv", REAL, 2, 4, ContribRules::fusedConv);
  }

  private static void quantised(Operators.Table t) {
    t.row(MS + "DynamicQuantizeMatMul", REAL, 3, 5, ContribQuantRules::dynamicMatMul);
    t.row(MS + "MatMulIntegerToFloat", BYTE, 4, 7, ContribQuantRules::matMulToFloat);
    t.row(MS + "QGemm", BYTE, 5, 9, ContribQuantRules::gemm);
    t.row(MS + "QLinearAdd", BYTE, 7, 8, ContribQuantRules::add);
    t.row(MS + "QLinearMul", BYTE, 7, 8, ContribQuantRules::mul);
    t.row(
        MS + "QLinearSigmoid",
        BYTE,
        4,
        5,
        s ->
            ContribQuantRules.unary(
                s, "Sigmoid", x -> ElementwiseRules.plain(x, ElementwiseOp.SIGMOID)));
    t.row(
        MS + "QLinearLeakyRelu",
        BYTE,
        4,
        5,
        s -> ContribQuantRules.unary(s, "LeakyRelu", ElementwiseRules::leakyRelu));
    t.row(
        MS + "QLinearSoftmax",
        BYTE,
        4,
        5,
        s -> ContribQuantRules.unary(s, "Softmax", x -> MathRules.softmax(x, "Softmax")));
    t.row(MS + "QLinearGlobalAveragePool", BYTE, 4, 5, ContribQuantRules::globalAveragePool);
    t.row(MS + "QLinearAveragePool", BYTE, 4, 5, ContribQuantRules::averagePool);
    t.row(MS + "QLinearConcat", REAL, 5, Operators.MANY, ContribQuantRules::concat);
  }

  /** Rows of the core again, with what only few models want of them. */
  private static void wider(Operators.Table t) {
    t.row(
        "LayerNormalization",
        REAL,
        2,
        3,
        s -> {
          MathRules.layerNormalization(s);
          NormRules.layerNormMoments(s);
        });
    t.row(
        "Conv",
        REAL,
        2,
        3,
        s -> {
          // The kernel for images packs its weights before the first run.
          if (s.shape(0).rank() > 4 || (s.type(0) == DataType.FLOAT && s.varies(1))) {
            WindowRules.conv(s);
          } else {
            ImageRules.conv(s);
          }
        });
    t.row(
        "MaxPool",
        NUMBER,
        1,
        1,
        s -> {
          if (s.shape(0).rank() > 4 || s.wants(1)) {
            WindowRules.pool(s, "MaxPool");
          } else {
            ImageRules.maxPool(s);
          }
        });
    t.row(
        "AveragePool",
        REAL,
        1,
        1,
        s -> {
          if (s.shape(0).rank() > 4) {
            WindowRules.pool(s, "AveragePool");
          } else {
            ImageRules.averagePool(s);
          }
        });
    t.row(
        "BatchNormalization",
        REAL,
        5,
        5,
        s -> {
          if (s.integer("training_mode", 0) != 0) {
            NormRules.trainedBatchNormalization(s);
          } else {
            ImageRules.batchNormalization(s);
          }
        });
    t.row("Pad", ANY, 1, 4, s -> ImageRules.pad(s, ArrangeRules::pad));
  }

  private static void functions(Operators.Table t) {
    t.row("Sin", REAL, 1, 1, TrigonometryRules.rule(ElementwiseOp.SIN));
    t.row("Cos", REAL, 1, 1, TrigonometryRules.rule(ElementwiseOp.COS));
    t.row("Tan", REAL, 1, 1, TrigonometryRules.rule(ElementwiseOp.TAN));
    t.row("Asin", REAL, 1, 1, TrigonometryRules.rule(ElementwiseOp.ASIN));
    t.row("Acos", REAL, 1, 1, TrigonometryRules.rule(ElementwiseOp.ACOS));
    t.row("Atan", REAL, 1, 1, TrigonometryRules.rule(ElementwiseOp.ATAN));
    t.row("Sinh", REAL, 1, 1, TrigonometryRules.rule(ElementwiseOp.SINH));
    t.row("Cosh", REAL, 1, 1, TrigonometryRules.rule(ElementwiseOp.COSH));
    t.row("Asinh", REAL, 1, 1, TrigonometryRules.rule(ElementwiseOp.ASINH));
    t.row("Acosh", REAL, 1, 1, TrigonometryRules.rule(ElementwiseOp.ACOSH));
    t.row("Atanh", REAL, 1, 1, TrigonometryRules.rule(ElementwiseOp.ATANH));
    t.row("Elu", REAL, 1, 1, ActivationRules::elu);
    t.row("Selu", REAL, 1, 1, ActivationRules::selu);
    t.row("Celu", REAL, 1, 1, ActivationRules::celu);
    t.row("ThresholdedRelu", REAL, 1, 1, ActivationRules::thresholdedRelu);
    t.row("Shrink", REAL, 1, 1, ActivationRules::shrink);
    t.row("Softsign", REAL, 1, 1, ActivationRules::softsign);
    t.row("Mish", REAL, 1, 1, ActivationRules::mish);
    t.row("Swish", REAL, 1, 1, s -> ActivationRules.swish(s, s.real("alpha", 1)));
    t.row("PRelu", NUMBER, 2, 2, ActivationRules::prelu);
    t.row("Sum", NUMBER, 1, Operators.MANY, ActivationRules::sum);
    t.row("Mean", REAL, 1, Operators.MANY, ActivationRules::mean);
    t.row("IsNaN", REAL, 1, 1, ActivationRules::isNaN);
    t.row("IsInf", REAL, 1, 1, ActivationRules::isInf);
    t.row("BitShift", INTEGER, 2, 2, ActivationRules::bitShift);
    t.row("BitwiseAnd", INTEGER, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.BIT_AND));
    t.row("BitwiseOr", INTEGER, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.BIT_OR));
    t.row("BitwiseXor", INTEGER, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.BIT_XOR));
    t.row("BitwiseNot", INTEGER, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.BIT_NOT));
    t.row("CastLike", ANY, 2, 2, ActivationRules::castLike);
  }

  private static void reductions(Operators.Table t) {
    t.row("ReduceL1", NUMBER, 1, 2, ReductionRules::l1);
    t.row("ReduceL2", NUMBER, 1, 2, ReductionRules::l2);
    t.row("ReduceSumSquare", NUMBER, 1, 2, ReductionRules::sumSquare);
    t.row("ReduceLogSum", REAL, 1, 2, ReductionRules::logSum);
    t.row("ReduceLogSumExp", REAL, 1, 2, ReductionRules::logSumExp);
    t.row("ArgMax", NUMBER, 1, 1, s -> ReductionRules.arg(s, "ArgMax"));
    t.row("ArgMin", NUMBER, 1, 1, s -> ReductionRules.arg(s, "ArgMin"));
    t.row("CumSum", NUMBER, 2, 2, ReductionRules::cumSum);
    t.row("Hardmax", REAL, 1, 1, ReductionRules::hardmax);
    t.row("LpNormalization", REAL, 1, 1, ReductionRules::lpNormalization);
    t.row("GlobalLpPool", REAL, 1, 1, ReductionRules::globalLpPool);
    t.row("InstanceNormalization", REAL, 3, 3, NormRules::instanceNormalization);
    t.row("GroupNormalization", REAL, 3, 3, NormRules::groupNormalization);
    t.row("MeanVarianceNormalization", REAL, 1, 1, NormRules::meanVariance);
    t.row("RMSNormalization", REAL, 2, 2, NormRules::rms);
    t.row("LRN", REAL, 1, 1, NormRules::lrn);
    t.row("NegativeLogLikelihoodLoss", REAL, 2, 3, LossRules::negativeLogLikelihood);
    t.row("SoftmaxCrossEntropyLoss", REAL, 2, 3, LossRules::softmaxCrossEntropy);
    t.row("Det", REAL, 1, 1, AlgebraRules::det);
    t.row("Einsum", NUMBER, 1, Operators.MANY, AlgebraRules::einsum);
  }

  private static void arrangement(Operators.Table t) {
    t.row("Tile", ANY, 2, 2, ArrangeRules::tile);
    t.row("DepthToSpace", ANY, 1, 1, ArrangeRules::depthToSpace);
    t.row("SpaceToDepth", ANY, 1, 1, ArrangeRules::spaceToDepth);
    t.row("Trilu", ANY, 1, 2, ArrangeRules::trilu);
    t.row("EyeLike", ANY, 1, 1, ArrangeRules::eyeLike);
    t.row("CenterCropPad", ANY, 2, 2, ArrangeRules::centerCropPad);
  }

  private static void indices(Operators.Table t) {
    t.row("GatherElements", ANY, 2, 2, IndexRules::gatherElements);
    t.row("GatherND", ANY, 2, 2, IndexRules::gatherNd);
    t.row("ScatterElements", ANY, 3, 3, IndexRules::scatterElements);
    t.row("Scatter", ANY, 3, 3, IndexRules::scatterElements);
    t.row("ScatterND", ANY, 3, 3, IndexRules::scatterNd);
    t.row("OneHot", NUMBER, 3, 3, IndexRules::oneHot);
    t.row("ReverseSequence", ANY, 2, 2, IndexRules::reverseSequence);
    t.row("TopK", NUMBER, 1, 2, IndexRules::topK);
    t.row("NonZero", ANY, 1, 1, IndexRules::nonZero);
    t.row("Compress", ANY, 2, 2, IndexRules::compress);
    t.row("Unique", NUMBER, 1, 1, IndexRules::unique);
    t.row("NonMaxSuppression", REAL, 2, 5, IndexRules::nonMaxSuppression);
    t.row("TfIdfVectorizer", INDEX, 1, 1, AlgebraRules::tfIdf);
  }

  private static void images(Operators.Table t) {
    t.row("Resize", ANY, 1, 4, ResizeRules::resize);
    t.row("Upsample", ANY, 1, 2, ResizeRules::upsample);
    t.row("ConvTranspose", REAL, 2, 3, WindowRules::convTranspose);
    t.row("ConvInteger", BYTE, 2, 4, WindowRules::convInteger);
    t.row("QLinearConv", BYTE, 8, 9, WindowRules::qLinearConv);
    t.row("LpPool", REAL, 1, 1, s -> WindowRules.pool(s, "LpPool"));
    t.row("MaxUnpool", REAL, 2, 3, WindowRules::maxUnpool);
    t.row("Col2Im", REAL, 3, 3, WindowRules::col2Im);
    t.row("GridSample", REAL, 2, 2, DetectionRules::gridSample);
    t.row("RoiAlign", REAL, 3, 3, DetectionRules::roiAlign);
  }

  private static void signals(Operators.Table t) {
    t.row("DFT", REAL, 1, 3, SignalRules::dft);
    t.row("STFT", REAL, 2, 4, SignalRules::stft);
    t.row("HannWindow", INDEX, 1, 1, s -> SignalRules.window(s, 0.5, -0.5, 0));
    t.row("HammingWindow", INDEX, 1, 1, s -> SignalRules.window(s, 25 / 46.0, -21 / 46.0, 0));
    t.row("BlackmanWindow", INDEX, 1, 1, s -> SignalRules.window(s, 0.42, -0.5, 0.08));
    t.row("MelWeightMatrix", INDEX, 5, 5, SignalRules::melWeights);
  }

  private static void random(Operators.Table t) {
    t.row("RandomUniform", ANY, 0, 0, RandomRules::uniform);
    t.row("RandomUniformLike", ANY, 1, 1, RandomRules::uniform);
    t.row("RandomNormal", ANY, 0, 0, RandomRules::normal);
    t.row("RandomNormalLike", ANY, 1, 1, RandomRules::normal);
    t.row("Bernoulli", REAL, 1, 1, RandomRules::bernoulli);
  }

  private static void layers(Operators.Table t) {
    t.row("RNN", REAL, 3, 6, s -> RecurrentRules.layer(s, "RNN", List.of("Tanh")));
    t.row("GRU", REAL, 3, 6, s -> RecurrentRules.layer(s, "GRU", List.of("Sigmoid", "Tanh")));
    t.row(
        "LSTM",
        REAL,
        3,
        8,
        s -> RecurrentRules.layer(s, "LSTM", List.of("Sigmoid", "Tanh", "Tanh")));
  }
}
