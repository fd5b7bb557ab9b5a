package dev.quern.gpu;

import dev.quern.kernel.KernelSpec;
import dev.quern.schedule.GpuSchedules;
import dev.quern.schedule.Schedule;
import dev.quern.wgsl.Shader;
import dev.quern.wgsl.Shaders;
import java.util.LinkedHashMap;
import java.util.Map;

/** Shaders that were made for earlier recordings, by what they are made for. */
public final class ShaderCache {
  private final Map<String, Shader> made = new LinkedHashMap<>();
  private final GpuSchedules.Chosen chosen;

  /** An empty cache for products in tiles as they were chosen. */
  public ShaderCache(GpuSchedules.Chosen chosen) {
    this.chosen = chosen;
  }

  /**
   * The shader of a step.
   *
   * @throws dev.quern.kernel.KernelException if no shader is made for it
   */
  Shader of(KernelSpec spec, Shader.Sizes sizes) {
    return of(spec, Shaders.choice(spec, sizes, chosen));
  }

  /** The shader of a step that tries another schedule than the chosen one. */
  Shader of(KernelSpec spec, Shader.Sizes sizes, Schedule schedule) {
    return of(spec, Shaders.choice(spec, sizes, chosen).with(schedule));
  }

  private Shader of(KernelSpec spec, Shaders.Choice choice) {
    String key = spec.signature() + " " + choice.key();
    Shader known = made.get(key);
    if (known == null) {
      known = Shaders.of(spec, choice);
      made.put(key, known);
    }
    return known;
  }
}
