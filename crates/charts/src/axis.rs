//! The labels below a picture.

use crate::geometry::{Slots, Tenths};
use crate::markup::{Attributes, Markup};

/// Writes labels in the middle of some of the slots that share the width. `height` and `baseline`
/// are in pixels.
pub(crate) fn axis<'l>(
    out: &mut Markup,
    slots: usize,
    (height, baseline): (u64, u64),
    labels: impl Iterator<Item = (usize, &'l str)>,
) {
    let slots = Slots::new(Tenths::units(100), slots);
    out.open(
        "svg",
        &[
            ("class", &"chart dates"),
            ("width", &"100%"),
            ("height", &height),
            ("aria-hidden", &"true"),
        ],
    );
    for (index, label) in labels {
        let x = format!("{}%", slots.middle(index));
        let attributes: Attributes<'_> = &[("class", &"mid"), ("x", &x), ("y", &baseline)];
        out.element("text", attributes, label);
    }
    out.close("svg");
}
