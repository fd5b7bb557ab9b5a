/**
 * The browser's name and major version, such as "Chromium 156": a label on records and never a reason to behave differently.
 * Client hints where they exist, otherwise the user agent's own words.
 */
export function browserLabel(navigator: {
  userAgent?: string;
  userAgentData?: { brands: { brand: string; version: string }[] };
}): string {
  const brands = navigator.userAgentData?.brands ?? [];
  const chromium = brands.find((b) => b.brand === 'Chromium');
  if (chromium) {
    return `Chromium ${chromium.version}`;
  }
  const agent = navigator.userAgent ?? '';
  const rows: [RegExp, string][] = [
    [/Firefox\/(\d+)/, 'Firefox'],
    [/Chrom(?:e|ium)\/(\d+)/, 'Chromium'],
    [/Version\/(\d+).*Safari/, 'WebKit'],
    [/AppleWebKit\/(\d+)/, 'WebKit'],
  ];
  for (const [pattern, name] of rows) {
    const found = pattern.exec(agent);
    if (found) {
      return `${name} ${found[1]}`;
    }
  }
  return 'unknown';
}
