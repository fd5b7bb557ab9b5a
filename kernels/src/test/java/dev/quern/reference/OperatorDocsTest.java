package dev.quern.reference;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.graph.Operators;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/**
 * The page that lists the supported operators is made of the operator table. Rewritten by {@code
 * -Dgolden.update=true}.
 */
class OperatorDocsTest {
  private static final Path PAGE = Path.of("..", "docs", "operators.md");

  /** Operators that are refused, by the reason. */
  private static final Map<String, List<String>> REFUSED = new LinkedHashMap<>();

  static {
    REFUSED.put(
        "trains a model: export it for inference",
        List.of(
            "ai.onnx.preview.training.Adagrad",
            "ai.onnx.preview.training.Adam",
            "ai.onnx.preview.training.Gradient",
            "ai.onnx.preview.training.Momentum"));
    REFUSED.put("draws random numbers, which no two engines draw alike", List.of("Multinomial"));
    REFUSED.put(
        "computes with strings: do it before the model",
        List.of("RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit"));
    REFUSED.put(
        "its values are sequences of tensors, or absent ones",
        List.of(
            "ConcatFromSequence",
            "Optional",
            "OptionalGetElement",
            "OptionalHasElement",
            "SequenceAt",
            "SequenceConstruct",
            "SequenceEmpty",
            "SequenceErase",
            "SequenceInsert",
            "SequenceLength",
            "SequenceMap",
            "SplitToSequence"));
    REFUSED.put("reads compressed images: decode them before the model", List.of("ImageDecoder"));
    REFUSED.put(
        "is rare and not made yet",
        List.of("AffineGrid", "DeformConv", "MaxRoiPool", "TensorScatter"));
  }

  @Test
  void pageIsMadeOfTheTable() throws IOException {
    String page = page();
    if (Boolean.getBoolean("golden.update")) {
      Files.createDirectories(PAGE.getParent());
      Files.writeString(PAGE, page);
    }
    assertThat(page)
        .as("%s; if the change is meant, run with -Dgolden.update=true and read it", PAGE)
        .isEqualTo(Files.readString(PAGE));
  }

  @Test
  void whatIsRefusedIsNotInTheTable() {
    Set<String> names = new TreeSet<>(Operators.all().names());
    REFUSED.values().forEach(refused -> assertThat(names).doesNotContainAnyElementsOf(refused));
  }

  private static String page() {
    StringBuilder page = new StringBuilder();
    page.append("# Operators\n\n");
    page.append("This page is made of the operator table by `OperatorDocsTest`.\n\n");
    page.append("Versions 7 to 24 of ONNX's operators are understood, and `If`, `Loop` and\n");
    page.append("`Scan` beside the operators below. *real* is f32, f64, f16 and bf16; *number*\n");
    page.append("is that and all integers of 8 to 64 bits; *any* is that and bool; *byte* is u8\n");
    page.append("and i8; *index* is i32 and i64. f16 and bf16 are computed in f32 and rounded.\n");
    page.append("Where no generated kernel is made for an operator or a type, the node runs in\n");
    page.append(
        "scalar code beside the kernels. Operators of *core* are in the engine that every\n");
    page.append("page loads.\n");
    for (String domain : List.of("", "com.microsoft")) {
      page.append("\n## ").append(domain.isEmpty() ? "ONNX" : domain).append("\n\n");
      page.append("| operator | inputs | first input | engine |\n|---|---|---|---|\n");
      rows(domain, page);
    }
    page.append("\n## Refused\n\nA model with one of these is refused before it runs, with the ");
    page.append("node's name.\n\n| operator | why |\n|---|---|\n");
    REFUSED.forEach((reason, names) ->
        names.forEach(
            name -> page.append("| `").append(name).append("` | ").append(reason).append(" |\n")));
    return page.toString();
  }

  private static void rows(String domain, StringBuilder page) {
    Set<String> core = new TreeSet<>(Operators.core().names());
    List<String> names = new ArrayList<>();
    for (String name : Operators.all().names()) {
      int dot = name.lastIndexOf('.');
      if (domain.equals(dot < 0 ? "" : name.substring(0, dot))) {
        names.add(name);
      }
    }
    Collections.sort(names);
    for (String name : names) {
      page.append("| `").append(name.substring(name.lastIndexOf('.') + 1)).append("` | ");
      page.append(Operators.all().describe(name)).append(" | ");
      page.append(core.contains(name) ? "core" : "full").append(" |\n");
    }
  }
}
