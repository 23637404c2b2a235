// The page works without this: it adds the filter, the address it came from and buttons that copy.
const { document, location, navigator } = globalThis;

for (const place of document.querySelectorAll('.origin')) place.textContent = location.origin;

const input = document.getElementById('filter');
const found = document.getElementById('found');
const introduction = document.getElementById('introduction');
const operations = [...document.querySelectorAll('.operation')];
const groups = [...document.querySelectorAll('.group')];
const links = new Map(
  [...document.querySelectorAll('nav [data-for]')].map((link) => [link.dataset.for, link]),
);

const filter = () => {
  const words = input.value.toLowerCase().split(/\s+/);
  let count = 0;
  for (const operation of operations) {
    const fits = words.every((word) => operation.dataset.text.includes(word));
    operation.hidden = !fits;
    links.get(operation.id).hidden = !fits;
    if (fits) count += 1;
  }
  for (const group of groups)
    group.hidden = group.querySelector('.operation:not([hidden]), li:not([hidden])') === null;
  const filters = input.value.trim() !== '';
  introduction.hidden = filters;
  found.textContent = filters ? `${count} of ${operations.length} routes` : '';
};
input.closest('.filter').hidden = false;
input.addEventListener('input', filter);
filter();

// Pages that were not loaded over HTTPS or from this machine have no clipboard.
if (navigator.clipboard !== undefined)
  for (const example of document.querySelectorAll('pre')) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = 'Copy';
    button.setAttribute('aria-label', `Copy the example of ${example.dataset.what}`);
    button.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(example.textContent);
        button.textContent = 'Copied';
      } catch {
        button.textContent = 'Not allowed';
      }
    });
    const frame = document.createElement('div');
    frame.className = 'example';
    example.replaceWith(frame);
    frame.append(example, button);
  }
