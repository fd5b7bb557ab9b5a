package dev.quern.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaCall;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.syntax.ArchRuleDefinition;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Keeps the modules and packages pointing one way: the direction in which data passes. */
class DirectionTest {
  /** A package, the module whose jar holds it, and the packages of ours that it may use. */
  private record Row(String name, String module, List<String> mayUse) {
    Row(String name, String module, String... mayUse) {
      this(name, module, List.of(mayUse));
    }
  }

  private static final List<Row> ROWS =
      List.of(
          new Row("onnx", "kernels"),
          new Row("graph", "kernels", "onnx"),
          new Row("reference", "kernels", "onnx", "graph"),
          new Row("graph.passes", "kernels", "onnx", "graph", "reference"),
          new Row("wasm", "kernels"),
          new Row("schedule", "kernels"),
          new Row("kernel", "kernels", "onnx", "graph", "wasm", "schedule"),
          new Row("wgsl", "kernels", "onnx", "graph", "schedule", "kernel"),
          new Row("plan", "kernels", "onnx", "graph", "schedule", "kernel"),
          new Row("gpu", "kernels", "schedule", "wgsl", "graph", "kernel", "plan"),
          new Row(
              "runtime",
              "kernels",
              "onnx",
              "graph",
              "reference",
              "graph.passes",
              "wasm",
              "schedule",
              "kernel",
              "plan"),
          new Row(
              "exec",
              "kernels",
              "onnx",
              "graph",
              "reference",
              "graph.passes",
              "kernel",
              "plan",
              "runtime"),
          new Row(
              "tuner",
              "tuner",
              "onnx",
              "graph",
              "reference",
              "graph.passes",
              "wasm",
              "schedule",
              "kernel",
              "plan",
              "runtime"),
          new Row(
              "bridge",
              "wasm-bridge",
              "onnx",
              "graph",
              "reference",
              "graph.passes",
              "wasm",
              "schedule",
              "kernel",
              "plan",
              "runtime",
              "exec",
              "gpu",
              "tuner"),
          new Row("web", "web"),
          new Row(
              "server",
              "server",
              "onnx",
              "graph",
              "reference",
              "graph.passes",
              "schedule",
              "kernel",
              "plan",
              "runtime",
              "exec",
              "tuner"),
          new Row(
              "e2e",
              "e2e",
              "onnx",
              "graph",
              "reference",
              "graph.passes",
              "wasm",
              "schedule",
              "kernel",
              "plan",
              "runtime",
              "exec",
              "tuner",
              "server"));

  /** What TeaVM's class library lacks or what makes the engine big; see CONTRIBUTING.md. */
  private static final List<String> NOT_IN_THE_BROWSER =
      List.of(
          "java.util.concurrent",
          "java.util.regex",
          "java.util.stream",
          "java.time",
          "java.text",
          "java.net",
          "java.nio.file",
          "java.security",
          "java.lang.reflect");

  private static JavaClasses classes;

  @BeforeAll
  static void importClasses() {
    classes =
        new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .withImportOption(location -> !location.contains("-tests.jar"))
            .importPackages("dev.quern");
  }

  @Test
  void everyPackageIsInTheTableAndInItsModule() {
    List<String> problems = new ArrayList<>();
    for (JavaClass type : classes) {
      Row row = row(type);
      if (row == null) {
        problems.add(type.getName() + " is in a package that the table does not name");
        continue;
      }
      String from = type.getSource().orElseThrow().getUri().toString();
      if (!from.contains("/" + row.module() + "/target/")) {
        problems.add(type.getName() + " belongs to module " + row.module() + " but is in " + from);
      }
    }
    assertThat(problems).isEmpty();
    assertThat(classes).isNotEmpty();
  }

  @Test
  void packagesUseOnlyWhatStandsBeforeThem() {
    Map<String, TreeSet<String>> problems = new TreeMap<>();
    for (JavaClass type : classes) {
      Row row = row(type);
      if (row == null) {
        continue;
      }
      for (var dependency : type.getDirectDependenciesFromSelf()) {
        JavaClass target = dependency.getTargetClass().getBaseComponentType();
        Row other = row(target);
        if (other != null && !other.equals(row) && !row.mayUse().contains(other.name())) {
          problems
              .computeIfAbsent(row.name() + " may not use " + other.name(), key -> new TreeSet<>())
              .add(type.getName() + " uses " + target.getName());
        }
      }
    }
    assertThat(problems).isEmpty();
  }

  @Test
  void browserCodeUsesOnlyWhatTheBrowserHas() {
    List<String> problems = new ArrayList<>();
    for (JavaClass type : classes) {
      if (!runsInTheBrowser(type)) {
        continue;
      }
      for (var dependency : type.getDirectDependenciesFromSelf()) {
        String target = dependency.getTargetClass().getBaseComponentType().getPackageName();
        for (String barred : NOT_IN_THE_BROWSER) {
          if (target.equals(barred) || target.startsWith(barred + ".")) {
            problems.add(dependency.getDescription());
          }
        }
      }
    }
    assertThat(problems).isEmpty();
  }

  @Test
  void browserCodeDoesNotFormat() {
    ArchRuleDefinition.noClasses()
        .that(DescribedPredicate.describe("run in the browser", DirectionTest::runsInTheBrowser))
        .should()
        .callMethodWhere(
            DescribedPredicate.describe(
                "String.format or formatted, which cost 150 KB of engine",
                (JavaCall<?> call) ->
                    call.getTargetOwner().isEquivalentTo(String.class)
                        && (call.getName().equals("format") || call.getName().equals("formatted"))))
        .allowEmptyShould(true)
        .check(classes);
  }

  private static boolean runsInTheBrowser(JavaClass type) {
    Row row = row(type);
    return row != null && List.of("kernels", "tuner", "wasm-bridge").contains(row.module());
  }

  /** The row of a class of ours, that of the innermost package; null when it is not ours. */
  private static Row row(JavaClass type) {
    Row found = null;
    for (Row row : ROWS) {
      String name = "dev.quern." + row.name();
      boolean inside =
          type.getPackageName().equals(name) || type.getPackageName().startsWith(name + ".");
      if (inside && (found == null || row.name().length() > found.name().length())) {
        found = row;
      }
    }
    return found;
  }
}
