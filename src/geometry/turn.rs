//! Turning regions so that most of their edges lie level, for cutting them into [`tiles`](crate::geometry::tiles).

use crate::geometry::area::{NO_BOUNDS, bounds, greater, lesser};
use crate::geometry::chains::Chains;
use crate::polygons::Point;

/// A turn of the plane that lays most edges level: then cuts between them part them, whereas a slanting bundle of edges is
/// hit by upright and level cuts alike.
pub struct Turn {
    /// Around here.
    centre: Point,
    /// Cosine and sine of the direction that becomes level.
    direction: [f64; 2],
}

/// Share of the boundary's length that has to run one way to turn the plane for it; and how far that way has to be off
/// the axes, as the sine of twice the angle.
const BUNDLED: f64 = 0.5;
const SLANTING: f64 = 0.02;

impl Turn {
    /// The turn that these regions are worth, if any.
    pub fn worth_for(regions: &[&Chains]) -> Option<Turn> {
        if !regions.iter().all(|region| region.has_rings()) {
            return None;
        }
        // Edges as vectors of twice their angle, so that there and back are one direction.
        let (mut cosine, mut sine, mut length) = (0.0, 0.0, 0.0);
        for region in regions {
            for ring in region.rings() {
                for (from, to) in ring.iter().zip(ring.iter().cycle().skip(1)) {
                    let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
                    let size = (dx * dx + dy * dy).sqrt();
                    if size > 0.0 {
                        cosine += (dx / size) * dx - (dy / size) * dy;
                        sine += 2.0 * (dx / size) * dy;
                        length += size;
                    }
                }
            }
        }
        let size = (cosine * cosine + sine * sine).sqrt();
        if !(size > BUNDLED * length && sine.abs() > SLANTING * size) {
            return None;
        }
        // Half the angle, by square roots only: the same bits on every machine.
        let (cosine, sine) = (cosine / size, sine / size);
        let half = (0.5 * (1.0 + cosine)).sqrt();
        let direction = if half > 0.1 { [half, 0.5 * sine / half] } else { [0.0, 1.0] };
        let [x0, y0, x1, y1] = regions[0].bounds;
        Some(Turn { centre: [0.5 * (x0 + x1), 0.5 * (y0 + y1)], direction })
    }

    /// A region turned.
    pub fn of(&self, region: &Chains) -> Chains {
        let [cosine, sine] = self.direction;
        let turned = |&[x, y]: &Point| {
            let (x, y) = (x - self.centre[0], y - self.centre[1]);
            [x * cosine + y * sine, y * cosine - x * sine]
        };
        let rings: Vec<Vec<Point>> = region.rings().map(|ring| ring.iter().map(turned).collect()).collect();
        let mut chains = Chains::default();
        chains.load_rings(rings.iter().map(Vec::as_slice));
        chains.bounds = rings.iter().map(|ring| bounds(ring)).fold(NO_BOUNDS, |[x0, y0, x1, y1], ring| {
            [lesser(x0, ring[0]), lesser(y0, ring[1]), greater(x1, ring[2]), greater(y1, ring[3])]
        });
        chains
    }
}
