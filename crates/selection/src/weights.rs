//! The weights of the features (§4 of the design).

/// One weight for each term of the score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Of [`Features::base_odds`](crate::Features::base_odds).
    pub base: f64,
    /// Of the cosine.
    pub cosine: f64,
    /// Of equal stems.
    pub exact: f64,
    /// Of folders.
    pub folders: f64,
    /// Of failures by file.
    pub file: f64,
    /// Of failures by folder.
    pub folder: f64,
    /// Of names of functions.
    pub text: f64,
    /// Of failures by file, as far as the files are known.
    pub file_known: f64,
    /// Of the cosine, as far as they are not.
    pub cosine_unknown: f64,
    /// Of equal stems, as far as they are not.
    pub exact_unknown: f64,
    /// Of the base, as far as they are not.
    pub base_unknown: f64,
}

impl Weights {
    /// Fitted on the three histories of `tests/histories/`: the listwise softmax loss, half over
    /// each failing item and half over any of them, with a ridge of 1 around a start set by hand.
    /// `bin/bench selection --fit` repeats the fit around these weights. Servers fit nothing:
    /// weights of its own gain a suite nothing that can be measured.
    #[expect(clippy::approx_constant, reason = "0.318 is not meant to be 1 / π")]
    pub const FITTED: Self = Self {
        base: 0.318,
        cosine: 1.317,
        exact: -1.007,
        folders: 1.766,
        file: 0.895,
        folder: -0.780,
        text: 0.970,
        file_known: 0.353,
        cosine_unknown: 4.053,
        exact_unknown: 2.086,
        base_unknown: -0.296,
    };

    /// Number of weights.
    pub const COUNT: usize = 11;

    /// The names of the fields.
    pub const NAMES: [&str; Self::COUNT] = [
        "base",
        "cosine",
        "exact",
        "folders",
        "file",
        "folder",
        "text",
        "file_known",
        "cosine_unknown",
        "exact_unknown",
        "base_unknown",
    ];

    /// In the order of the fields.
    pub const fn to_array(self) -> [f64; Self::COUNT] {
        [
            self.base,
            self.cosine,
            self.exact,
            self.folders,
            self.file,
            self.folder,
            self.text,
            self.file_known,
            self.cosine_unknown,
            self.exact_unknown,
            self.base_unknown,
        ]
    }
}
