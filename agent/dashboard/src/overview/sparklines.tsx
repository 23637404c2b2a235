import { Paper, SimpleGrid, Text } from '@mantine/core';
import { formatRate } from '../format.ts';
import { sampleKeys, sparklinePath, type History, type Sample, type SampleKey } from '../live/history.ts';
import { useLive } from '../live/live-store.ts';
import { messages } from '../messages.ts';

const text = messages.metrics;
const size = { width: 240, height: 44 };

const summary = (history: History, key: SampleKey): { now: string; mean: string; max: string } => {
  const values = history
    .filter((sample): sample is Sample => sample !== undefined)
    .map((sample) => sample[key]);
  if (values.length === 0) return { now: '–', mean: '–', max: '–' };
  return {
    now: formatRate(values.at(-1) ?? 0),
    mean: formatRate(values.reduce((sum, value) => sum + value, 0) / values.length),
    max: formatRate(Math.max(...values)),
  };
};

const Tile = ({ history, series }: { readonly history: History; readonly series: SampleKey }) => {
  const { now, max } = summary(history, series);
  const { line, area } = sparklinePath(history, series, size);
  return (
    <Paper withBorder className="tile">
      <Text size="sm" c="dimmed">
        {text[series]}
      </Text>
      <div className="tile-figure">
        <span className="figure">{now}</span>
        <Text span size="xs" c="dimmed">
          {text.max.toLowerCase()} {max}
        </Text>
      </div>
      <svg
        viewBox={`0 0 ${size.width} ${size.height}`}
        preserveAspectRatio="none"
        className="sparkline"
        role="img"
        aria-label={text.describe(text[series], now, max)}
      >
        <path className="sparkline-base" d={`M0,${size.height - 1}H${size.width}`} />
        <path className="sparkline-area" d={area} />
        <path className="sparkline-line" d={line} />
      </svg>
    </Paper>
  );
};

/** The last two minutes of the whole cluster, drawn and, on demand, as a table. */
export const Sparklines = () => {
  const history = useLive((view) => view.history);
  return (
    <>
      <SimpleGrid cols={{ base: 2, md: 4 }} spacing="sm">
        {sampleKeys.map((key) => (
          <Tile key={key} history={history} series={key} />
        ))}
      </SimpleGrid>
      <details className="twin">
        <summary>{text.table}</summary>
        <table className="plain">
          <thead>
            <tr>
              <th scope="col">
                {text.figure} ({text.window})
              </th>
              <th scope="col">{text.now}</th>
              <th scope="col">{text.mean}</th>
              <th scope="col">{text.max}</th>
            </tr>
          </thead>
          <tbody>
            {sampleKeys.map((key) => {
              const { now, mean, max } = summary(history, key);
              return (
                <tr key={key}>
                  <th scope="row">{text[key]}</th>
                  <td>{now}</td>
                  <td>{mean}</td>
                  <td>{max}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </details>
    </>
  );
};
