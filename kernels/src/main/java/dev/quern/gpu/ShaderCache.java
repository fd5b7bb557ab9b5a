package dev.quern.gpu;

import dev.quern.kernel.KernelSpec;
import dev.quern.wgsl.Shader;
import dev.quern.wgsl.Shaders;
import java.util.LinkedHashMap;
import java.util.Map;

/** Shaders that were made for earlier recordings, by what they are made for. */
public final class ShaderCache {
  private final Map<String, Shader> made = new LinkedHashMap<>();

  /**
   * The shader of a step.
   *
   * @throws dev.quern.kernel.KernelException if no shader is made for it
   */
  Shader of(KernelSpec spec, Shader.Sizes sizes) {
    Shaders.Choice choice = Shaders.choice(spec, sizes);
    String key = spec.signature() + " " + choice.key();
    Shader known = made.get(key);
    if (known == null) {
      known = Shaders.of(spec, choice);
      made.put(key, known);
    }
    return known;
  }
}
