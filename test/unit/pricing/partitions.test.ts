import { describe, expect, it } from 'vitest';
import { isCommercialRegion, profilesFrom } from '../../../src/pricing/availability.ts';
import { ModelCatalogue } from '../../../src/pricing/modelCatalogue.ts';
import { publishedPrices } from '../../../src/pricing/priceTable.ts';

const sonnet = 'anthropic.claude-sonnet-4-6';
const commercial = [
  ...['us-east-1', 'us-west-2', 'ca-west-1', 'mx-central-1', 'sa-east-1', 'eu-south-2', 'eu-central-2'],
  ...['ap-southeast-7', 'ap-northeast-3', 'il-central-1', 'me-south-1', 'me-central-1', 'af-south-1'],
  // That nobody has yet.
  ...['us-south-1', 'eu-west-9', 'ap-southeast-10', 'sa-west-1'],
];
const others = [
  ...['cn-north-1', 'cn-northwest-1', 'eusc-de-east-1', 'us-gov-west-1', 'us-gov-east-1'],
  ...['us-iso-east-1', 'us-isob-east-1', 'us-isof-south-1', 'eu-isoe-west-1'],
  ...['nope-1', 'us-nowhere-1', 'global', '', 'us-east', 'us-east-', 'us-east-1a', 'US-EAST-1', 'xx-east-1'],
];

describe('a region', () => {
  it.each(commercial)(
    '%s is of the commercial partition: global profiles and their prices hold',
    (region) => {
      expect(isCommercialRegion(region)).toBe(true);
      expect(publishedPrices(`global.${sonnet}`, region)).toBeDefined();
      expect(publishedPrices(sonnet, region)).toBeDefined();
    },
  );

  it.each(others)(
    '"%s" is of another partition, or none: no profile is offered, no price holds',
    (region) => {
      expect(isCommercialRegion(region)).toBe(false);
      expect(profilesFrom(region, sonnet).filter((id) => !id.startsWith('us-gov.'))).toEqual([]);
      for (const id of [sonnet, ...['global', 'us', 'eu'].map((geography) => `${geography}.${sonnet}`)])
        expect(publishedPrices(id, region), id).toBeUndefined();
      const options = { mapping: { mine: `global.${sonnet}` }, prices: {}, unknownPrice: 'refuse', region };
      const catalogue = new ModelCatalogue(options);
      expect(() => catalogue.resolve('claude-sonnet')).toThrow(
        expect.objectContaining({ hint: expect.not.stringContaining('global.') as string }),
      );
      expect(() => catalogue.resolve('mine')).toThrow(/No price is known/);
    },
  );
});
