package dev.quern.e2e.architectures;

import dev.quern.e2e.architectures.MobileNetworks.Block;
import dev.quern.e2e.architectures.VisionTransformers.Stage;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/** A network, how exporters write it, and the sizes of a well-known one. */
public enum Architecture {
  BERT(
      "padding added to the scores, places sliced from a constant",
      () -> TextNetworks.bert(text(2)),
      "BERT base 1x128",
      () -> TextNetworks.bert(base(30_522, 512))),
  ROBERTA(
      "places counted by a running sum",
      () -> TextNetworks.roberta(text(1)),
      "RoBERTa base 1x128",
      () -> TextNetworks.roberta(base(50_265, 514))),
  GPT2(
      "queries, keys and values of one product; Where by a triangle",
      () -> TextNetworks.gpt2(text(2)),
      "GPT-2 small 1x128",
      () -> TextNetworks.gpt2(base(50_257, 1024))),
  GPT2_WITH_PAST(
      "keys and values of earlier runs; Where, then padding added",
      () -> TextNetworks.gpt2WithPast(new TextNetworks.Sizes(1, 32, 4, 128, 50, 24, 2, 3))),
  T5_ENCODER(
      "no scale; added are numbers chosen by distance",
      () -> TextNetworks.t5Encoder(text(2)),
      "T5 small encoder 1x128",
      () -> TextNetworks.t5Encoder(new TextNetworks.Sizes(6, 512, 8, 2048, 32_128, 512, 1, 128))),
  BART_DECODER(
      "a triangle by Trilu; then an encoder's states",
      () -> TextNetworks.bartDecoder(new TextNetworks.Sizes(1, 32, 4, 128, 50, 24, 2, 5), 9),
      "BART base decoder 1x32 of 1x128",
      () ->
          TextNetworks.bartDecoder(
              new TextNetworks.Sizes(6, 768, 12, 3072, 50_265, 1024, 1, 32), 128)),
  LLAMA(
      "queries and keys turned, keys shared by heads, an MLP with a gate",
      () -> TextNetworks.llama(text(1), 2),
      "SmolLM2 135M layers 1x128",
      () -> TextNetworks.llama(new TextNetworks.Sizes(30, 576, 9, 1536, 49_152, 8192, 1, 128), 3)),
  LLAMA_GROUPED(
      "GroupQueryAttention with a past and lengths of the mask",
      () -> TextNetworks.llamaGrouped(new TextNetworks.Sizes(1, 64, 4, 64, 50, 12, 1, 2), 2)),
  WHISPER_ENCODER(
      "convolutions over time before it",
      () -> TextNetworks.whisperEncoder(new TextNetworks.Sizes(1, 32, 4, 128, 0, 9, 1, 9), 10),
      "Whisper base encoder 30 s",
      () ->
          TextNetworks.whisperEncoder(
              new TextNetworks.Sizes(6, 512, 8, 2048, 0, 1500, 1, 1500), 80)),
  LSTM(
      "both directions, a known number of steps",
      () -> TextNetworks.lstm(6, 2, 12, 266, 5),
      "LSTM 100x80, 2x512",
      () -> TextNetworks.lstm(100, 1, 80, 512, 29)),
  GRU(
      "reset after the product, a known number of steps",
      () -> TextNetworks.gru(4, 3, 6, 187),
      "GRU 100x80, 512",
      () -> TextNetworks.gru(100, 1, 80, 512)),
  RESNET(
      "batch normalisation, sums with what was before",
      () -> ImageNetworks.resNet(21, 19, 8, List.of(1, 1), 1, 10),
      "ResNet-50 224x224",
      () -> ImageNetworks.resNet(224, 224, 64, List.of(3, 4, 6, 3), 4, 1000)),
  MOBILENET_V2(
      "channels widened, convolved alone, narrowed",
      () ->
          MobileNetworks.mobileNetV2(
              new MobileNetworks.Sizes(
                  17, 17, 8, List.of(block(3, 24, 8, 1), block(3, 24, 8, 2)), 32, 0, 10)),
      "MobileNetV2 1.0 224x224",
      () ->
          MobileNetworks.mobileNetV2(
              new MobileNetworks.Sizes(
                  224,
                  224,
                  32,
                  widened(
                      32,
                      new int[][] {
                        {1, 16, 1, 1, 3},
                        {6, 24, 2, 2, 3},
                        {6, 32, 3, 2, 3},
                        {6, 64, 4, 2, 3},
                        {6, 96, 3, 1, 3},
                        {6, 160, 3, 2, 3},
                        {6, 320, 1, 1, 3}
                      },
                      false),
                  1280,
                  0,
                  1000))),
  MOBILENET_V3(
      "HardSwish, channels weighted by their means",
      () ->
          MobileNetworks.mobileNetV3(
              new MobileNetworks.Sizes(
                  18, 14, 8, List.of(new Block(5, 16, 8, 1, true, true)), 24, 16, 10)),
      "MobileNetV3 large 224x224",
      () ->
          MobileNetworks.mobileNetV3(
              new MobileNetworks.Sizes(224, 224, 16, v3Large(), 960, 1280, 1000))),
  EFFICIENTNET(
      "SiLU, channels weighted by their means",
      () ->
          MobileNetworks.efficientNet(
              new MobileNetworks.Sizes(
                  15, 16, 8, List.of(new Block(3, 32, 8, 1, true, true)), 24, 0, 10)),
      "EfficientNet-B0 224x224",
      () ->
          MobileNetworks.efficientNet(
              new MobileNetworks.Sizes(
                  224,
                  224,
                  32,
                  widened(
                      32,
                      new int[][] {
                        {1, 16, 1, 1, 3},
                        {6, 24, 2, 2, 3},
                        {6, 40, 2, 2, 5},
                        {6, 80, 3, 2, 3},
                        {6, 112, 3, 1, 5},
                        {6, 192, 4, 2, 5},
                        {6, 320, 1, 1, 3}
                      },
                      true),
                  1280,
                  0,
                  1000))),
  CONVNEXT(
      "7x7 over single channels, layer normalisation of pixels",
      () -> ImageNetworks.convNext(16, 12, List.of(1), 12, 10),
      "ConvNeXt tiny 224x224",
      () -> ImageNetworks.convNext(224, 224, List.of(3, 3, 9, 3), 96, 1000)),
  U_NET(
      "down, up by ConvTranspose and Resize, joined with before",
      () -> ImageNetworks.uNet(12, 16, 2, 8, 2),
      "U-Net of 5 levels 256x256",
      () -> ImageNetworks.uNet(256, 256, 5, 32, 21)),
  VIT_SCALED(
      "queries and keys scaled each, keys turned as matrices, shares that are NaN made 0",
      () -> VisionTransformers.vitScaled(new VisionTransformers.Sizes(12, 8, 4, 1, 16, 4, 32, 10)),
      "ViT-B/16 224x224",
      () ->
          VisionTransformers.vitScaled(
              new VisionTransformers.Sizes(224, 224, 16, 12, 768, 12, 3072, 1000))),
  VIT(
      "patches by a convolution; parts of one product by Gather",
      () -> VisionTransformers.vit(new VisionTransformers.Sizes(12, 8, 4, 1, 16, 4, 32, 10)),
      "DeiT tiny 224x224",
      () ->
          VisionTransformers.vit(
              new VisionTransformers.Sizes(224, 224, 16, 12, 192, 3, 768, 1000))),
  SWIN(
      "windows of a shifted image, a table and a mask added to the scores",
      () -> VisionTransformers.swin(16, 2, 4, List.of(2), 16, 4, 10),
      "Swin tiny 224x224",
      () -> VisionTransformers.swin(224, 4, 7, List.of(2, 2, 6, 2), 96, 32, 1000)),
  EFFICIENTVIT(
      "single heads one after the other, over pixels",
      () -> VisionTransformers.efficientViT(20, 1, List.of(new Stage(16, 1, 2)), 4, 7, 10),
      "EfficientViT-M0 224x224",
      () ->
          VisionTransformers.efficientViT(
              224,
              4,
              List.of(new Stage(64, 1, 4), new Stage(128, 2, 4), new Stage(192, 3, 4)),
              16,
              7,
              1000));

  /** The network of full size. */
  private record Full(String name, Supplier<Network> network) {}

  private final String how;
  private final Supplier<Network> small;
  private final Optional<Full> full;

  Architecture(String how, Supplier<Network> small) {
    this(how, small, Optional.empty());
  }

  Architecture(String how, Supplier<Network> small, String name, Supplier<Network> full) {
    this(how, small, Optional.of(new Full(name, full)));
  }

  Architecture(String how, Supplier<Network> small, Optional<Full> full) {
    this.how = how;
    this.small = small;
    this.full = full;
  }

  /** What is special in how exporters write it. */
  public String how() {
    return how;
  }

  /** All kinds of blocks that there are, a few channels wide. */
  public Network small() {
    return small.get();
  }

  /** The name of the network of full size, with what it is run on; empty if there is none. */
  public Optional<String> fullName() {
    return full.map(Full::name);
  }

  /** The network of full size; takes seconds, and memory as its weights. */
  public Network full() {
    return full.orElseThrow().network.get();
  }

  private static TextNetworks.Sizes text(int layers) {
    return new TextNetworks.Sizes(layers, 32, 4, 128, 50, 24, 2, 7);
  }

  private static TextNetworks.Sizes base(int words, int places) {
    return new TextNetworks.Sizes(12, 768, 12, 3072, words, places, 1, 128);
  }

  private static Block block(int kernel, int wide, int to, int stride) {
    return new Block(kernel, wide, to, stride, false, true);
  }

  /**
   * Blocks of a table as the papers have it.
   *
   * @param stem channels before
   * @param rows how many times wider, channels, blocks, stride of the first, kernel
   */
  private static List<Block> widened(int stem, int[][] rows, boolean squeezed) {
    List<Block> blocks = new ArrayList<>();
    int from = stem;
    for (int[] row : rows) {
      for (int i = 0; i < row[2]; i++) {
        blocks.add(new Block(row[4], from * row[0], row[1], i == 0 ? row[3] : 1, squeezed, true));
        from = row[1];
      }
    }
    return blocks;
  }

  private static List<Block> v3Large() {
    return List.of(
        new Block(3, 16, 16, 1, false, false),
        new Block(3, 64, 24, 2, false, false),
        new Block(3, 72, 24, 1, false, false),
        new Block(5, 72, 40, 2, true, false),
        new Block(5, 120, 40, 1, true, false),
        new Block(5, 120, 40, 1, true, false),
        new Block(3, 240, 80, 2, false, true),
        new Block(3, 200, 80, 1, false, true),
        new Block(3, 184, 80, 1, false, true),
        new Block(3, 184, 80, 1, false, true),
        new Block(3, 480, 112, 1, true, true),
        new Block(3, 672, 112, 1, true, true),
        new Block(5, 672, 160, 2, true, true),
        new Block(5, 960, 160, 1, true, true),
        new Block(5, 960, 160, 1, true, true));
  }
}
