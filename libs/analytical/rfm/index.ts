export { customerRfm, rfm, rfmCustomers } from './rfm.query.js';
export { segmentMap, segmentNames, type SegmentName } from './rfm-segments.js';
