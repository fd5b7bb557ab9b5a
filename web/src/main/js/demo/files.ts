/** Calls `take` with each file that is chosen, dropped or pasted; of several, with the first. */
export function onFile(take: (file: File) => void): void {
  const first = (files: FileList | null | undefined) => {
    const file = files?.[0];
    if (file) {
      take(file);
    }
  };
  const choose = document.getElementById('choose') as HTMLInputElement;
  choose.addEventListener('change', () => {
    first(choose.files);
    choose.value = ''; // so that the same file can be chosen again
  });
  const drop = document.getElementById('drop')!;
  for (const kind of ['dragenter', 'dragover']) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add('over');
    });
  }
  for (const kind of ['dragleave', 'drop']) {
    drop.addEventListener(kind, () => drop.classList.remove('over'));
  }
  drop.addEventListener('drop', (event) => {
    event.preventDefault();
    first((event as DragEvent).dataTransfer?.files);
  });
  document.addEventListener('paste', (event) => first(event.clipboardData?.files));
}
