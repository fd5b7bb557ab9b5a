package dev.quern.e2e;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What {@code quern profile} tells, as text or as one JSON object. All times are milliseconds;
 * rates and shares are those of a mean of the middle half of the runs: as little moved by a pause
 * as a median, and finer than the browser's clock, which steps by 5 µs or more.
 *
 * @param steps in the order in which they run
 * @param families the sums of the steps by the kind of kernel, the dearest first
 * @param run one call of the walker, with no step timed
 * @param timed the same with each step timed
 * @param outside what of that lies outside the steps: waking the threads and leaving
 * @param call one call of the session, as the worker measures it: inputs, run, outputs
 * @param barrier from one barrier to the next, where no step has anything to do
 * @param peak GFLOP/s of all threads in registers, the median of the probes between the runs
 * @param share of the peak that the whole run reaches, the median of ratios
 */
record ProfileReport(
    String model,
    String browser,
    int threads,
    String shape,
    int runs,
    List<Line> steps,
    List<Line> families,
    double run,
    double timed,
    double outside,
    double call,
    double barrier,
    double peak,
    double share) {

  /**
   * A step, or several together.
   *
   * @param peakShare its rate over the peak probed around the same run, the median of ratios; 0
   *     where it counts no operations
   * @param whole its part of a timed run
   */
  record Line(
      String name,
      String kernel,
      String schedule,
      String work,
      int count,
      double milliseconds,
      double flops,
      double bytes,
      double peakShare,
      double whole) {
    double gflops() {
      return milliseconds > 0 ? flops / milliseconds / 1e6 : 0;
    }

    double gigabytes() {
      return milliseconds > 0 ? bytes / milliseconds / 1e6 : 0;
    }

    private void addTo(ObjectNode node) {
      node.put("name", name).put("kernel", kernel);
      if (schedule != null) {
        node.put("schedule", schedule);
      }
      if (work != null) {
        node.put("work", work);
      }
      node.put("count", count).put("milliseconds", milliseconds);
      node.put("flops", flops).put("bytes", bytes);
      node.put("gflops", gflops()).put("gigabytesPerSecond", gigabytes());
      node.put("shareOfPeak", peakShare).put("shareOfWhole", whole);
    }
  }

  /**
   * Makes sums and shares of what the engine measured.
   *
   * @param facts what the SDK said when it had loaded the model
   * @param profile what its {@code profile} said
   * @param calls milliseconds of whole calls
   */
  static ProfileReport of(
      String model, String browser, JsonNode facts, JsonNode profile, List<Double> calls) {
    List<JsonNode> samples = list(profile.get("samples"));
    double timed = middle(samples, sample -> sample.get("timed").asDouble());
    List<Line> steps = new ArrayList<>();
    Map<String, List<Integer>> groups = new LinkedHashMap<>();
    JsonNode told = profile.get("steps");
    double flops = 0;
    for (int i = 0; i < told.size(); i++) {
      JsonNode step = told.get(i);
      String kernel = step.get("kernel").asString();
      flops += step.get("flops").asDouble();
      steps.add(
          line(
              step.get("name").asString(),
              kernel,
              step.get("schedule").isNull() ? null : step.get("schedule").asString(),
              step.get("work").asString(),
              told,
              List.of(i),
              samples,
              timed));
      groups.computeIfAbsent(family(kernel), name -> new ArrayList<>()).add(i);
    }
    List<Line> families = new ArrayList<>();
    groups.forEach((name, members) ->
        families.add(line(name, name, null, null, told, members, samples, timed)));
    families.sort((a, b) -> Double.compare(b.milliseconds(), a.milliseconds()));
    double all = flops;
    return new ProfileReport(
        model,
        browser,
        facts.path("threads").asInt(),
        profile.get("shape").asString(),
        samples.size(),
        steps,
        families,
        middle(samples, sample -> sample.get("milliseconds").asDouble()),
        timed,
        middle(samples, sample -> sample.get("timed").asDouble() - sum(sample, all(told))),
        middle(calls, call -> call),
        profile.get("barrier").asDouble(),
        median(samples, sample -> sample.get("peakGflops").asDouble()),
        median(
            samples,
            sample ->
                all
                    / sample.get("milliseconds").asDouble()
                    / 1e6
                    / sample.get("peakGflops").asDouble()));
  }

  private static Line line(
      String name,
      String kernel,
      String schedule,
      String work,
      JsonNode told,
      List<Integer> members,
      List<JsonNode> samples,
      double timed) {
    double flops = 0;
    double bytes = 0;
    for (int member : members) {
      flops += told.get(member).get("flops").asDouble();
      bytes += told.get(member).get("bytes").asDouble();
    }
    double all = flops;
    double milliseconds = middle(samples, sample -> sum(sample, members));
    double share =
        median(
            samples,
            sample -> {
              double took = sum(sample, members);
              return took > 0 ? all / took / 1e6 / sample.get("peakGflops").asDouble() : 0;
            });
    return new Line(
        name,
        kernel,
        schedule,
        work,
        members.size(),
        milliseconds,
        flops,
        bytes,
        share,
        milliseconds / timed);
  }

  /** The kind of a kernel: what its signature begins with. */
  private static String family(String kernel) {
    int space = kernel.indexOf(' ');
    return space < 0 ? kernel : kernel.substring(0, space);
  }

  private static double sum(JsonNode sample, List<Integer> members) {
    double sum = 0;
    for (int member : members) {
      sum += sample.get("steps").get(member).asDouble();
    }
    return sum;
  }

  private static List<Integer> all(JsonNode told) {
    List<Integer> all = new ArrayList<>();
    for (int i = 0; i < told.size(); i++) {
      all.add(i);
    }
    return all;
  }

  private static List<JsonNode> list(JsonNode array) {
    List<JsonNode> list = new ArrayList<>();
    array.forEach(list::add);
    return list;
  }

  private static <T> double median(List<T> samples, ToDoubleFunction<T> of) {
    double[] sorted = samples.stream().mapToDouble(of).sorted().toArray();
    return sorted[sorted.length / 2];
  }

  private static <T> double middle(List<T> samples, ToDoubleFunction<T> of) {
    double[] sorted = samples.stream().mapToDouble(of).sorted().toArray();
    int quarter = sorted.length / 4;
    double sum = 0;
    for (int i = quarter; i < sorted.length - quarter; i++) {
      sum += sorted[i];
    }
    return sum / (sorted.length - 2 * quarter);
  }

  String json() {
    ObjectNode root = JsonMapper.shared().createObjectNode();
    root.put("model", model).put("browser", browser).put("threads", threads).put("shape", shape);
    root.put("runs", runs).put("runMs", run).put("timedRunMs", timed);
    root.put("outsideStepsMs", outside).put("callMs", call).put("barrierMs", barrier);
    root.put("peakGflops", peak).put("shareOfPeak", share);
    ArrayNode groups = root.putArray("families");
    families.forEach(family -> family.addTo(groups.addObject()));
    ArrayNode all = root.putArray("steps");
    steps.forEach(step -> step.addTo(all.addObject()));
    return root.toString();
  }

  String text() {
    List<String> lines = new ArrayList<>();
    lines.add(
        String.format(
            Locale.ROOT,
            "%s %s in %s, %d thread%s, %d runs; peak of the threads %.1f GFLOP/s",
            model,
            shape,
            browser,
            threads,
            threads == 1 ? "" : "s",
            runs,
            peak));
    lines.add("");
    String head =
        String.format(Locale.ROOT, "%9s %8s %8s %6s %6s", "ms", "GFLOP/s", "GB/s", "peak", "whole");
    lines.add(head + "  step");
    for (Line step : steps) {
      lines.add(numbers(step) + "  " + step.name() + ", " + step.work());
      lines.add(
          " ".repeat(head.length() + 4)
              + shorten(step.kernel())
              + (step.schedule() == null ? "" : "  " + step.schedule()));
    }
    lines.add("");
    lines.add(head + "  steps of a kind");
    for (Line family : families) {
      lines.add(numbers(family) + "  " + family.count() + " x " + family.name());
    }
    double inside = families.stream().mapToDouble(Line::milliseconds).sum();
    lines.add("");
    lines.add(part(timed, "a run with each step timed, of which"));
    lines.add(part(inside, "  in the steps, each until its last thread is done"));
    lines.add(part(outside, "  outside them: waking the threads, leaving"));
    lines.add(part(run, "a run in which no step is timed: %.3f of the peak".formatted(share)));
    lines.add(part(call, "a call as the worker measures it: inputs, run, outputs"));
    lines.add(
        part(
            barrier * steps.size(),
            String.format(
                Locale.ROOT,
                "inside the steps: %d barriers of %.2f µs",
                steps.size(),
                1000 * barrier)));
    return String.join("\n", lines);
  }

  private static String numbers(Line line) {
    boolean counted = line.flops() > 0;
    return String.format(
        Locale.ROOT,
        "%9.3f %8s %8.1f %6s %5.1f%%",
        line.milliseconds(),
        counted ? String.format(Locale.ROOT, "%.1f", line.gflops()) : "-",
        line.gigabytes(),
        counted ? String.format(Locale.ROOT, "%.2f", line.peakShare()) : "-",
        100 * line.whole());
  }

  private static String part(double milliseconds, String what) {
    return String.format(Locale.ROOT, "%9.3f ms  %s", milliseconds, what);
  }

  private static String shorten(String signature) {
    return signature.length() <= 90 ? signature : signature.substring(0, 89) + "…";
  }
}
