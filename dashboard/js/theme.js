// Before anything is drawn, so that nothing flashes. Light and dark are `data-theme` of the document; without a choice, what
// the system prefers.
(function () {
    'use strict';
    var dark = matchMedia('(prefers-color-scheme: dark)');
    var wanted = new URLSearchParams(location.search).get('theme');

    function stored() {
        try {
            return localStorage.getItem('people-counter-theme');
        } catch (error) {
            return null;   // storage is not allowed: the choice lasts as long as the page
        }
    }

    function apply() {
        var theme = wanted === 'dark' || wanted === 'light' ? wanted : stored();
        if (theme !== 'dark' && theme !== 'light') theme = dark.matches ? 'dark' : 'light';
        if (document.documentElement.dataset.theme === theme) return;
        document.documentElement.dataset.theme = theme;
        document.dispatchEvent(new CustomEvent('people-counter-theme', {detail: theme}));
    }

    window.peopleCounterTheme = {
        current: function () { return document.documentElement.dataset.theme; },
        choose: function (theme) {
            wanted = theme;
            try {
                localStorage.setItem('people-counter-theme', theme);
            } catch (error) {
                // as above
            }
            apply();
        },
    };
    dark.addEventListener('change', apply);
    apply();
})();
